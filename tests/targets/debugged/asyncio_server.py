"""A server on asyncio streams; a task of its own ticks. Writes `port N`."""

import asyncio
import os
import signal

import shop
import vitals


async def pause(seconds):
    await asyncio.sleep(seconds)  # here: pause


async def price_slowly(number):
    amount = number * 7  # here: first of coroutine
    await pause(0.001)  # here: await
    less = shop.discount(amount)  # here: after await
    return amount - less  # here: last of coroutine


async def respond(reader, writer):
    request = await reader.readline()
    path = request.split()[1].decode()
    if path.startswith("/slowly/"):
        status, text = 200, str(await price_slowly(int(path[8:])))
    else:
        status, text = shop.answer(path)  # here: handler
    writer.write(b"HTTP/1.0 %d X\r\n\r\n%s" % (status, text.encode()))
    vitals.note()
    await writer.drain()
    writer.close()


async def ticking():
    ticks = 0
    while True:
        ticks += 1  # here: tick
        vitals.note()
        await asyncio.sleep(0.01)


async def main():
    signal.signal(signal.SIGINT, lambda *_: os.write(2, b"SIGINT came\n"))
    server = await asyncio.start_server(respond, "127.0.0.1", 0)
    vitals.start()
    print("port", server.sockets[0].getsockname()[1], flush=True)
    await ticking()


asyncio.run(main())
