"""A server of asyncio to be stopped in its coroutines: works until a file appears, which the first argument names.

Prints "ready", and at the end "done N" with the number of its rounds; nothing else unless something went wrong.
"""

import asyncio
import os
import sys

stop = sys.argv[1]
ticks = rounds = 0
order = []
calm = False


async def quick(number):
    return number * 2


async def slow(number):
    await asyncio.sleep(0.05)
    order.append(number)
    print("slow", number, flush=True)
    return number * 3


async def ticking():
    global ticks
    while not os.path.exists(stop):
        ticks += 1
        await asyncio.sleep(0.005)


def spin(loop):
    """Every round of the loop has some of these, unless `calm`."""
    if os.path.exists(stop):
        return
    if calm:
        loop.call_later(0.005, spin, loop)
    else:
        loop.call_soon(spin, loop)


async def handle(number):
    doubled = await quick(number)
    result = doubled + 1  # stop
    assert result == 43, result
    return result


async def serve():
    global rounds
    while not os.path.exists(stop):
        await handle(21)
        rounds += 1
        await asyncio.sleep(0.005)


async def main():
    loop = asyncio.get_running_loop()
    for _ in range(5):
        loop.call_soon(spin, loop)
    tasks = [asyncio.ensure_future(work()) for work in (serve, ticking)]
    tasks[0].set_name("server")
    print("ready", flush=True)
    await asyncio.gather(*tasks)


asyncio.run(main())
print("done", rounds, flush=True)
