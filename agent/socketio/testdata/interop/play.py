"""What the Python servers have in common: when to end, and what to answer."""
import os
import sys
import threading


def end_with_stdin():
    def wait():
        sys.stdin.buffer.read()
        os._exit(0)
    threading.Thread(target=wait, daemon=True).start()


OPTIONS = {
    "max_http_buffer_size": 100_000_000,
    "ping_interval": 1,
    "ping_timeout": 60,
    "cors_allowed_origins": "*",
}
