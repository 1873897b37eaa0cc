"""Something of everything that executes lines; measured from its first line on, by coverage.py and by us."""

import asyncio
import contextlib
import functools
import threading

from work_helper import helped

NUMBERS = [n * n for n in range(4)]
TABLE = {
    "a": 1,
    "b": len(NUMBERS),
}


def decorate(function):
    @functools.wraps(function)
    def wrapper(*args):
        return function(*args)

    return wrapper


@decorate
@decorate
def decorated(value):
    return value + 1


class Thing:
    """A class."""

    limit = 3

    def __init__(self, value):
        self.value = value

    @property
    def doubled(self):
        return self.value * 2

    @classmethod
    def make(cls):
        return cls(
            cls.limit,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return True


def generator(n):
    for i in range(n):
        got = yield i
        if got:
            return got
    return None


def delegating():
    result = yield from generator(3)
    return result


async def coroutine(n):
    await asyncio.sleep(0)
    async with context() as value:
        n += value
    return [x async for x in ticks(n)]


@contextlib.asynccontextmanager
async def context():
    try:
        yield 1
    finally:
        await asyncio.sleep(0)


async def ticks(n):
    for i in range(n):
        if i == 1:
            continue
        yield i


def handling(kind):
    try:
        if kind == 0:
            return "returned"
        if kind == 1:
            raise KeyError(kind)
        if kind == 2:
            raise ValueError(kind)
        kind = 4
    except KeyError:
        kind = 5
    except ValueError as error:
        kind = error.args[0]
    else:
        kind = 6
    finally:
        helped(kind)
    return kind


def loops():
    total = 0
    while total < 5:
        total += 1
        if total == 2:
            continue
        if total == 4:
            break
    else:
        total = -1
    for _ in ():
        total = -2
    else:
        total += 1
    return total


def nested(n):
    def inner(m):
        nonlocal n
        n += m
        return lambda: n

    return inner(1)()


def recursion(n):
    if n == 0:
        return 0
    return 1 + recursion(n - 1)


def suppressed():
    with Thing(1) as thing, Thing(2):
        raise RuntimeError(thing)
    return thing


def unused():
    return "never"


def in_thread(results):
    results.append(recursion(3))


def main():
    generated = delegating()
    next(generated)
    with contextlib.suppress(StopIteration):
        generated.send("stop")
    list(generator(2))
    asyncio.run(coroutine(2))
    for kind in range(4):
        handling(kind)
    loops()
    nested(1)
    decorated(1)
    with Thing.make() as thing:
        thing.doubled  # noqa: B018
    suppressed()
    results = []
    threads = [threading.Thread(target=in_thread, args=(results,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    namespace = {}
    exec(
        compile("def made():\n    return 1\n\n\nx = made()\n", __file__.replace("work.py", "made.py"), "exec"),
        namespace,
    )
    exec("y = 1\nz = 2\n", namespace)
    # fmt: off
    return (
        sum(
            n
            for n in NUMBERS
            if n
        )
        + len(results)
    )
