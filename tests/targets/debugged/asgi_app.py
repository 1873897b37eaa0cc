"""The shop as an ASGI application, for uvicorn: `asgi_app:app`."""

import asyncio

import shop
import vitals


async def price_slowly(number):
    amount = number * 7  # here: first of coroutine
    await asyncio.sleep(0.001)
    less = shop.discount(amount)  # here: after await
    return amount - less


async def answer(path):
    if path.startswith("/slowly/"):
        return 200, str(await price_slowly(int(path[8:])))
    return shop.answer(path)  # here: handler


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        vitals.start()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    status, text = await answer(scope["path"])
    vitals.note()
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})
