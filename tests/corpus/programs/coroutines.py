"""Coroutines, asynchronous generators, comprehensions and contexts; asyncio's tasks in all their ends."""

import asyncio
import contextlib
import types


class Context:
    def __init__(self, suppress=False):
        self.suppress = suppress

    async def __aenter__(self):
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error):
        await asyncio.sleep(0)
        return self.suppress


class Iterator:
    def __init__(self, n):
        self.n = n

    def __aiter__(self):
        return self

    async def __anext__(self):
        if self.n == 0:
            raise StopAsyncIteration
        self.n -= 1
        return self.n


class Awaitable:
    def __await__(self):
        value = yield from asyncio.sleep(0).__await__()
        return value


async def ticks(n):
    for i in range(n):
        if i == 1:
            continue
        yield i
        await asyncio.sleep(0)


async def closing(log):
    try:
        received = yield 1
        log.append(received)
        yield 2
    except KeyError:
        yield 3
    finally:
        await asyncio.sleep(0)
        log.append("closed")


async def add(a, b):
    await asyncio.sleep(0)
    return a + b


async def awaits():
    one = await add(1, 2)
    two = await add(
        await add(1, 2),
        await add(3, 4),
    )
    three = (
        await add(1, 1)
        if one
        else await add(2, 2)
    )
    await Awaitable()
    await old_style()
    return one + two + three


@types.coroutine
def old_style():
    yield from asyncio.sleep(0).__await__()
    return 1


async def loops(n):
    total = 0
    async for tick in ticks(n):
        total += tick
    async for tick in Iterator(n):
        if tick == 1:
            continue
        if tick == 0:
            break
    else:
        total = -1
    async for tick in Iterator(1):
        pass
    else:
        total += 1
    async for tick in Iterator(0): total = 0
    async for tick in ticks(2):
        if tick == 0:
            return total


async def comprehensions():
    a = [n async for n in ticks(3)]
    b = {n async for n in ticks(3) if n}
    c = {n: await add(n, 1) async for n in ticks(3)}
    d = [await add(n, 1) for n in range(2)]
    e = [
        (n, m)
        async for n in ticks(2)
        if n == 0
        for m in range(2)
        if await add(m, 0)
    ]
    f = (n async for n in ticks(3))
    g = [n async for n in f]
    h = [
        await add(
            n,
            1,
        )
        for n in range(2)
    ]
    i = (
        await add(n, 1)
        for n in range(2)
    )
    async for n in i:
        pass
    return a, b, c, d, e, g, h


async def contexts(n):
    async with Context():
        n += 1
    async with Context() as one, Context() as two:
        n += 1
    async with Context(suppress=True):
        raise ValueError
    try:
        async with Context():
            raise KeyError
    except KeyError:
        n += 1
    async with managed() as value:
        n += value
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(Context())
        stack.enter_context(contextlib.suppress(ValueError))
        raise ValueError
    for i in range(2):
        async with Context():
            if i:
                break
            continue
    async with Context():
        with open("/dev/null"):
            if n:
                return one, two


@contextlib.asynccontextmanager
async def managed():
    try:
        yield 1
    finally:
        await asyncio.sleep(0)


async def tries(n):
    try:
        await fails(n)
    except ValueError:
        n = await add(n, 1)
    else:
        n = await add(n, 2)
    finally:
        await asyncio.sleep(0)
    try:
        return await add(n, 1)
    finally:
        await add(n, 1)


async def fails(n):
    await asyncio.sleep(0)
    if n:
        raise ValueError(n)


async def generators():
    log = []
    generator = closing(log)
    await generator.asend(None)
    await generator.asend("value")
    await generator.aclose()
    generator = closing(log)
    await generator.__anext__()
    await generator.athrow(KeyError())
    with contextlib.suppress(StopAsyncIteration):
        await generator.__anext__()
    async for value in closing(log):
        break
    unfinished = ticks(3)
    await unfinished.__anext__()
    del unfinished
    await asyncio.sleep(0)
    return log, value


async def forever(log):
    try:
        while True:
            await asyncio.sleep(3600)
    except asyncio.CancelledError:
        log.append("cancelled")
        raise
    finally:
        log.append("end")


async def stubborn():
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        return "stayed"


async def tasks():
    log = []
    task = asyncio.ensure_future(forever(log))
    await asyncio.sleep(0)
    task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        log.append("seen")
    results = await asyncio.gather(add(1, 2), fails(1), add(3, 4), return_exceptions=True)
    try:
        await asyncio.gather(fails(1), fails(0))
    except ValueError:
        log.append("gathered")
    try:
        await asyncio.wait_for(forever(log), 0.001)
    except asyncio.TimeoutError:
        log.append("timeout")
    task = asyncio.ensure_future(stubborn())
    await asyncio.sleep(0)
    task.cancel()
    await task
    never_started = asyncio.ensure_future(add(1, 2))
    never_started.cancel()
    await asyncio.wait([asyncio.ensure_future(add(1, 2)), asyncio.ensure_future(add(3, 4))])
    for future in asyncio.as_completed([add(1, 2), add(3, 4)]):
        await future
    await asyncio.shield(add(1, 2))
    return results


async def producer(queue):
    for i in range(3):
        await queue.put(i)
    await queue.put(None)


async def consumer(queue):
    found = []
    while True:
        item = await queue.get()
        if item is None:
            return found
        found.append(item)


async def synchronisation():
    queue = asyncio.Queue(1)
    await asyncio.gather(producer(queue), consumer(queue))
    lock, event, semaphore = asyncio.Lock(), asyncio.Event(), asyncio.Semaphore(1)

    async def waiter():
        async with semaphore:
            await event.wait()
        return 1

    task = asyncio.ensure_future(waiter())
    async with lock:
        await asyncio.sleep(0)
        event.set()
    return await task


async def callbacks():
    loop = asyncio.get_event_loop()
    future = loop.create_future()

    def soon(value):
        if not future.done():
            future.set_result(value)

    loop.call_soon(soon, 1)
    loop.call_later(0.001, soon, 2)
    future.add_done_callback(lambda done: done)
    await future
    await loop.run_in_executor(None, in_thread, 1)
    loop.call_soon_threadsafe(soon, 3)
    await asyncio.sleep(0.005)


def in_thread(n):
    n += 1
    return n


def by_hand():
    """A coroutine without a loop."""
    coroutine = add_by_hand(1)
    coroutine.send(None)
    try:
        coroutine.send(2)
    except StopIteration as stop:
        value = stop.value
    closed = add_by_hand(1)
    closed.send(None)
    closed.close()
    thrown = add_by_hand(1)
    thrown.send(None)
    try:
        thrown.throw(KeyError())
    except KeyError:
        pass
    unstarted = add_by_hand(1)
    unstarted.close()
    return value


class Pause:
    def __await__(self):
        received = yield "pause"
        return received


async def add_by_hand(n):
    try:
        received = await Pause()
    except GeneratorExit:
        n = 0
        raise
    return n + received


def main():
    asyncio.run(awaits())
    asyncio.run(loops(3))
    asyncio.run(comprehensions())
    asyncio.run(contexts(0))
    asyncio.run(tries(0))
    asyncio.run(tries(1))
    asyncio.run(generators())
    asyncio.run(tasks())
    asyncio.run(synchronisation())
    asyncio.run(callbacks())
    by_hand()
