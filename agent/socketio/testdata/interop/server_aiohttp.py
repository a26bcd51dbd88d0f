"""A python-socketio server under aiohttp for the tests of agent/socketio: server_aiohttp.py PORT CERT KEY."""
import asyncio
import ssl
import sys

import socketio
from aiohttp import web

import play

port, cert, key = sys.argv[1:]
sio = socketio.AsyncServer(async_mode="aiohttp", **play.OPTIONS)


@sio.event
async def connect(sid, environ, auth):
    if (auth or {}).get("token") == "expired":
        raise socketio.exceptions.ConnectionRefusedError("token expired", {"code": 7})


@sio.event
async def echo(sid, *args):
    return args


@sio.event
async def shout(sid, *args):
    await sio.emit("heard", args, to=sid)


@sio.event
async def ask(sid):
    async def answered(*args):
        await sio.emit("answered", args, to=sid)
    await sio.emit("question", 41, to=sid, callback=answered)


@sio.event
async def length(sid, x):
    return len(x)


@sio.event
async def big(sid, n):
    await sio.emit("big", "x" * n, to=sid)


@sio.event
async def kick(sid):
    await sio.disconnect(sid)


@web.middleware
async def refuse(request, handler):
    if request.headers.get("Authorization") == "Bearer stale":
        return web.Response(status=401, text="stale token")
    if "X-Refuse" in request.headers:
        return web.Response(status=403, text="who are you")
    return await handler(request)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(cert, key)
app = web.Application(middlewares=[refuse])
sio.attach(app)
play.end_with_stdin()


async def main():
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(port), ssl_context=context).start()
    print("listening", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
