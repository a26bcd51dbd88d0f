"""A python-socketio client for the tests of agent/socketio: client.py URL CA websocket|polling|upgrade.

It tells what it met, one JSON line each, and ends with its standard input. Debian's library handles each packet in a
thread of its own: binary values from the server, and two threads that send while one sends binary values, mix up its
packets now and then. So this client only sends binary values, and nothing beside them.
"""
import json
import sys
import threading

import requests
import socketio

import play

url, ca, way = sys.argv[1:]
transports = {"websocket": ["websocket"], "polling": ["polling"], "upgrade": ["polling", "websocket"]}[way]
lock = threading.Lock()


def tell(*values):
    with lock:
        print(json.dumps(values), flush=True)


def client():
    session = requests.Session()
    session.verify, session.trust_env = ca, False  # no bundle and no proxy of the environment
    return socketio.Client(http_session=session, request_timeout=60, reconnection_delay=0.05, reconnection_delay_max=0.1)


play.end_with_stdin()
refused = client()
refused.on("connect_error", lambda data: tell("refused", data["message"], data["data"]))
try:
    refused.connect(url, auth={"token": "expired"}, transports=transports)
except socketio.exceptions.ConnectionError:
    refused.eio.wait()  # its threads close a descriptor that a new connection might get meanwhile

sio = client()
sio.on("question", lambda n: (n + 1, b"answer"))
sio.on("heard", lambda *args: tell("heard", *args))
answered = threading.Event()
sio.on("answered", lambda *args: (tell("answered", *args), answered.set()))
sio.on("big", lambda s: tell("big", len(s)))
sio.on("disconnect", lambda: tell("disconnected"))
sio.on("connect", lambda: tell("connected", sio.transport()))
sio.connect(url, auth={"token": "good"}, transports=transports)
tell("echo", *sio.call("echo", ("żółć 🦉", [1.5, None])))
tell("hex", sio.call("hex", b"\x00\x1e\xff"))
for i in range(40):  # more than the library takes in one payload, so they must not come in one
    sio.emit("shout", i)
# By websocket not more than fits the socket's buffer: the library reads and writes one TLS connection from two
# threads, and a write that has to wait breaks it.
tell("length", sio.call("length", "x" * (20_000_000 if way == "polling" else 1000), timeout=60))
sio.emit("ask")
answered.wait()
sio.emit("big", 20_000_000)
threading.Event().wait()
