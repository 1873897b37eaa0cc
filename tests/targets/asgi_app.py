"""A plain ASGI application, for uvicorn: `asgi_app:app`. A task of its own has been ticking since the start-up.

The lines marked `ran` run when tests/support/servers.py drives it; those marked `asked` for /interior alone.
"""

import asyncio  # before
import json  # before

import interior  # before

ticks = 0  # before
tasks = []  # before


async def tick():  # before
    global ticks
    while True:  # perhaps
        ticks += 1  # ran
        if ticks < 0:  # ran
            ticks = 0  # not
        await asyncio.sleep(0.02)  # ran


async def numbers(n):  # before
    for i in range(n):  # ran
        yield i  # ran


async def total_of(n):  # before
    total = 0  # ran
    async for i in numbers(n):  # ran
        if i % 2:  # ran
            total += i  # ran
        else:
            total -= 1  # ran
    return total  # ran


async def report():  # before
    return "one\ntwo"  # not


async def answer(path):  # before
    if path == "/":  # ran
        return 200, "it works"  # ran
    if path == "/ticks":  # ran
        return 200, str(ticks)  # ran
    if path == "/interior":  # ran
        return 200, json.dumps(interior.look())  # asked
    if path == "/report":  # ran
        return 200, await report()  # not
    name, _, text = path[1:].partition("/")  # ran
    if name != "total":  # ran
        return 404, "there is no " + path  # ran
    return 200, str(await total_of(int(text)))  # ran


async def app(scope, receive, send):  # before
    if scope["type"] == "lifespan":  # ran
        await lifespan(receive, send)  # before
        return  # not
    status, text = await answer(scope["path"])  # ran
    await send({"type": "http.response.start", "status": status, "headers": []})  # ran
    await send({"type": "http.response.body", "body": text.encode()})  # ran


async def lifespan(receive, send):  # before
    await receive()  # before
    tasks.append(asyncio.get_running_loop().create_task(tick()))  # before
    await send({"type": "lifespan.startup.complete"})  # before
    await receive()  # before
    tasks[0].cancel()  # not
    await send({"type": "lifespan.shutdown.complete"})  # not
