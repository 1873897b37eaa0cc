"""asyncio and threads together."""

import asyncio


def blocking(n):
    if n:
        return n
    raise ValueError


async def both():
    one = await asyncio.to_thread(blocking, 1)
    try:
        await asyncio.to_thread(blocking, 0)
    except ValueError:
        one += 1
    return one


def main():
    asyncio.run(both())
