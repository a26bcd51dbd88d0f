"""The Engine's end of the remote shell, as spec/realtime.md 5.2 has it, over a socket of the system.

shell_client.py HOST PORT MEGABYTES SESSIONS prints one JSON object of what it saw.
"""

import base64
import json
import os
import socket
import sys

HOST, PORT, MEGABYTES, SESSIONS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
PATIENCE = 60


class Shell:
    def __init__(self):
        self.conn = socket.create_connection((HOST, PORT), timeout=PATIENCE)
        self.lines = self.conn.makefile("rb")

    def types(self, text):
        self.conn.sendall(json.dumps({"type": "stdin", "data": base64.b64encode(text.encode()).decode()}).encode() + b"\n")

    def prints(self, want):
        """Reads until the shell has printed something, and counts its bytes."""
        seen, count = b"", 0
        while want.encode() not in seen:
            line = self.lines.readline()
            if not line:
                raise EOFError("the shell ended after %d bytes: %r" % (count, seen[-200:]))
            message = json.loads(line)
            assert message["type"] == "stdout", message
            data = base64.b64decode(message["data"])
            data.decode("utf-8")  # never half a character
            count += len(data)
            seen = (seen + data)[-1000:]
        return count

    def close(self):
        self.conn.sendall(b'{"type":"close"}\n')
        while self.lines.readline():
            pass


def interactive():
    shell = Shell()
    shell.types("echo tern-$((3+4))\n")
    shell.prints("tern-7")
    shell.types("printf 'za\\305\\274\\303\\263\\305\\202\\304\\207-%d\\n' 8\n")
    shell.prints("zażółć-8")
    shell.close()


def much():
    shell = Shell()
    shell.types("head -c %d000000 /dev/zero | tr '\\0' x; echo; echo done-$((1+1))\n" % MEGABYTES)
    count = shell.prints("done-2")
    shell.close()
    return count


def many():
    shells = [Shell() for _ in range(SESSIONS)]
    for i, shell in enumerate(shells):
        shell.types("echo session-$((%d*2))-\n" % i)
    for i, shell in enumerate(shells):
        shell.prints("session-%d-" % (2 * i))
    for shell in shells:
        shell.close()


def garbage():
    shell = Shell()
    shell.conn.sendall(os.urandom(5000).replace(b"\n", b"") + b"\n{\n[]\nnull\n\xff\xfe\n{\"type\":5}\n")
    half = json.dumps({"type": "stdin", "data": base64.b64encode(b"echo whole-$((2+2))\n").decode()}).encode() + b"\n"
    for at in range(len(half)):  # a byte at a time
        shell.conn.sendall(half[at : at + 1])
    shell.prints("whole-4")
    shell.close()


def endless():
    """Sends a line of up to 1 GB: how much of it was taken."""
    shell = Shell()
    piece, sent = b"x" * (1 << 20), 0
    try:
        while sent < 1 << 30:
            shell.conn.sendall(piece)
            sent += len(piece)
    except OSError:
        pass
    return sent


def silence():
    return [socket.create_connection((HOST, PORT), timeout=PATIENCE) for _ in range(3)]


quiet = silence()
interactive()
seen = {"much": much(), "endless": endless()}
many()
garbage()
print(json.dumps(seen))
