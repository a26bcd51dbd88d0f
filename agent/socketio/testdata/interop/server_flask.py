"""A Flask-SocketIO server under eventlet, as the Engine is one: server_flask.py PORT CERT KEY."""
import sys

import eventlet
import eventlet.wsgi
import flask
import flask_socketio
from socketio.exceptions import ConnectionRefusedError

import play

port, cert, key = sys.argv[1:]
app = flask.Flask(__name__)
sio = flask_socketio.SocketIO(app, async_mode="eventlet", **play.OPTIONS)


@sio.on("connect")
def connect(auth=None):
    if (auth or {}).get("token") == "expired":
        raise ConnectionRefusedError("token expired", {"code": 7})


@sio.on("echo")
def echo(*args):
    return args


@sio.on("shout")
def shout(*args):
    flask_socketio.emit("heard", args)


@sio.on("ask")
def ask():
    sid = flask.request.sid

    def answered(*args):
        sio.emit("answered", args, to=sid)
    flask_socketio.emit("question", 41, callback=answered)


@sio.on("length")
def length(x):
    return len(x)


@sio.on("big")
def big(n):
    flask_socketio.emit("big", "x" * n)


@sio.on("kick")
def kick():
    flask_socketio.disconnect()


def refuse(environ, start_response):
    if environ.get("HTTP_AUTHORIZATION") == "Bearer stale":
        start_response("401 Unauthorized", [("Content-Type", "text/plain")])
        return [b"stale token"]
    if "HTTP_X_REFUSE" in environ:
        start_response("403 Forbidden", [("Content-Type", "text/plain")])
        return [b"who are you"]
    return inner(environ, start_response)


inner, app.wsgi_app = app.wsgi_app, refuse
play.end_with_stdin()
listener = eventlet.wrap_ssl(eventlet.listen(("127.0.0.1", int(port))), certfile=cert, keyfile=key, server_side=True)
print("listening", flush=True)
eventlet.wsgi.server(listener, app, log_output=False)
