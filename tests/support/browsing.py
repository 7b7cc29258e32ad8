"""Requests to a live page as a test needs them: byte by byte, over a socket of its own."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread

from tamiyo.ui.live_page.feed import StateFeed
from tamiyo.ui.live_page.server import LivePageServer

__all__ = ["Answer", "Viewer", "ask", "ask_raw", "serving"]

TOKEN = "a-token-of-the-tests"
PATIENCE_SECONDS = 20


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: str


@contextmanager
def serving(*, beat_seconds=0.05, stall_seconds=5.0):
    """Run a server; yield it, with its feed as ``feed``."""
    server = LivePageServer(
        StateFeed(), port=0, token=TOKEN, beat_seconds=beat_seconds, stall_seconds=stall_seconds
    )
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.feed.close()
        server.shutdown()
        server.server_close()
        thread.join(PATIENCE_SECONDS)


def connect(server, *, buffer_bytes=None):
    one = socket.socket()
    if buffer_bytes is not None:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    one.settimeout(PATIENCE_SECONDS)
    one.connect(server.server_address)
    return one


def ask_raw(server, request):
    """Send bytes and read until the server closes."""
    with connect(server) as one:
        one.sendall(request)
        chunks = []
        try:
            while chunk := one.recv(65536):
                chunks.append(chunk)
        except ConnectionResetError:
            pass  # it closed while we were still writing
    return b"".join(chunks)


def ask(server, path="", *, method="GET", target=None, **headers):
    """Ask for a path behind the token, or for a whole target; header names use underscores."""
    sent = {"Host": f"127.0.0.1:{server.server_port}"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"{method} {target or f'/{TOKEN}/{path}'} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in sent.items() if value is not None]
    head, _, body = ask_raw(server, "\r\n".join([*lines, "", ""]).encode()).partition(b"\r\n\r\n")
    first, *rest = head.decode().split("\r\n")
    pairs = (line.partition(": ") for line in rest)
    return Answer(int(first.split()[1]), {name: value for name, _, value in pairs}, body.decode())


class Viewer:
    """A viewer of the stream; a context manager."""

    def __init__(self, server, *, buffer_bytes=None):
        self._socket = connect(server, buffer_bytes=buffer_bytes)
        host = f"127.0.0.1:{server.server_port}"
        self._socket.sendall(f"GET /{TOKEN}/stream HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        self._file = self._socket.makefile("rb")

    def read_head(self):
        return [line.decode().strip() for line in iter(self._file.readline, b"\r\n")]

    def read_message(self):
        """Return the fields of the next message; None where the stream ends."""
        fields = {}
        while line := self._file.readline():
            if line == b"\n":
                return fields
            name, _, value = line.decode().strip().partition(": ")
            fields[name] = value
        return None

    def read_state(self):
        """Skip to the next state."""
        while message := self.read_message():
            if message.get("event") == "state":
                return json.loads(message["data"])
        return None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()
        self._socket.close()
