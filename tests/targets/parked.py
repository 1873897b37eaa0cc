"""A program whose threads and tasks all wait, to be looked at: until a file appears, which the first argument names.

Its objects end it if they are shown by their own methods. Prints "ready", and at the end "same" if a function met only
the variables that it made.
"""

import _thread
import asyncio
import os
import sys
import threading
import time

stop = sys.argv[1]
outcome = []
ended = []


class Touchy:
    """Whoever calls one of its methods ends the process."""

    def __init__(self):
        self.number = 3

    def __repr__(self):
        os._exit(9)

    __str__ = __hash__ = __eq__ = __len__ = __iter__ = __getattr__ = __repr__


class Words(str):
    def __repr__(self):
        os._exit(9)


class Kind(type):
    __hash__ = __eq__ = __repr__ = Touchy.__repr__


class Odd(metaclass=Kind):
    pass


def wait(number):
    touchy, words, odd = Touchy(), Words("hello"), Odd()
    plain = {"a": [1, 2, (3,)], "long": "x" * 1000}
    huge = 1 << 10_000
    dropped = [1]
    if number:
        del dropped
    shared = number

    def inner():
        return shared

    while not ended:
        time.sleep(0.01)
    same = sorted(locals()) == sorted(
        ["huge", "inner", "number", "odd", "plain", "shared", "touchy", "words"] + ["dropped"] * (not number)
    )
    outcome.append(same and inner() == number and len(plain) == 2)


async def leaf(lock):
    async with lock:
        await asyncio.sleep(3600)


async def both():
    lock = asyncio.Lock()
    await asyncio.gather(leaf(lock), leaf(lock))


async def numbers():
    await asyncio.sleep(1800)
    yield 1


async def through_generator():
    async for _ in numbers():
        pass


async def reader(queue):
    await queue.get()


async def main():
    makers = {"both": both, "generator": through_generator}
    tasks = {name: asyncio.ensure_future(make()) for name, make in makers.items()}
    tasks["reader"] = asyncio.ensure_future(reader(asyncio.Queue()))
    for name, task in tasks.items():
        task.set_name(name)
    await asyncio.sleep(0.1)
    print("ready", flush=True)
    while not os.path.exists(stop):
        await asyncio.sleep(0.01)
    ended.append(True)
    for task in tasks.values():
        task.cancel()
    await asyncio.wait(list(tasks.values()))


threads = [threading.Thread(target=wait, args=(n,), name="parked-%d" % n, daemon=n > 1) for n in range(4)]
for thread in threads:
    thread.start()
_thread.start_new_thread(wait, (0,))
asyncio.run(main(), debug=False)
for thread in threads:
    thread.join()
print("same" if outcome and all(outcome) else "changed", flush=True)
