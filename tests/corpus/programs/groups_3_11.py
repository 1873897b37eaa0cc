"""Exception groups, task groups, timeouts."""

import asyncio


def split(*errors):
    log = []
    try:
        if errors:
            raise ExceptionGroup("several", list(errors))
        log.append("none")
    except* ValueError as group:
        log.append(group.exceptions)
    except* (KeyError, IndexError):
        log.append("lookup")
    except* OSError:
        log.append("os")
    else:
        log.append("else")
    finally:
        log.append("finally")
    return log


def unhandled(*errors):
    try:
        try:
            raise ExceptionGroup("several", list(errors))
        except* ValueError:
            pass
    except ExceptionGroup as rest:
        return rest
    return None


def raising(n):
    try:
        try:
            raise ValueError
        except* ValueError:
            if n:
                raise
            raise KeyError from None
    except* KeyError:
        n += 1
    except* ValueError:
        n += 2
    return n


def in_loop(n):
    for i in range(n):
        try:
            if i:
                raise ExceptionGroup("x", [ValueError(), KeyError()])
        except* ValueError: pass
        except* KeyError:
            n += 1
        try:
            1 / i
        except* ZeroDivisionError:
            n += 1
    return n


def nested():
    try:
        raise ExceptionGroup("a", [ValueError(), ExceptionGroup("b", [KeyError()])])
    except* KeyError:
        try:
            raise ExceptionGroup("c", [OSError()])
        except* OSError:
            result = 1
    except* ValueError:
        result = 2
    return result


async def fails(n):
    await asyncio.sleep(0)
    if n:
        raise ValueError(n)
    return n


async def groups():
    async with asyncio.TaskGroup() as group:
        group.create_task(fails(0))
        task = group.create_task(fails(0))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(fails(1))
            group.create_task(forever())
    except* ValueError as errors:
        for error in errors.exceptions:
            error.add_note("seen")
    return await task


async def forever():
    try:
        await asyncio.sleep(3600)
    finally:
        await asyncio.sleep(0)


async def timeouts():
    try:
        async with asyncio.timeout(0.001):
            await forever()
    except TimeoutError:
        pass
    async with asyncio.timeout(100):
        await fails(0)
    barrier = asyncio.Barrier(2)

    async def waits():
        async with barrier as position:
            return position

    await asyncio.gather(waits(), waits())


def runner():
    with asyncio.Runner() as runner:
        return runner.run(fails(0))


def main():
    split()
    split(ValueError())
    split(ValueError(), KeyError())
    unhandled(ValueError(), KeyError())
    unhandled(ValueError())
    raising(0)
    raising(1)
    in_loop(2)
    nested()
    asyncio.run(groups())
    asyncio.run(timeouts())
    runner()
