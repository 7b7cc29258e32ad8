"""The server of the live page: the standard library's, on the loopback address, for GET only."""

from __future__ import annotations

import socketserver
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Final, cast

from tamiyo.contracts import ConfigError
from tamiyo.ui.live_page.assets import load_assets
from tamiyo.ui.live_page.guard import LOOPBACK, RequestGuard

if TYPE_CHECKING:
    import socket

    from tamiyo.ui.live_page.feed import StateFeed

__all__ = ["LivePageServer"]

_STATE: Final = "state.json"
_STREAM: Final = "stream"
_MOST_VIEWERS: Final = 64
_BEAT_SECONDS: Final = 5.0
_STALL_SECONDS: Final = 15.0
_RETRY_MILLISECONDS: Final = 1000
_TEXT: Final = "text/plain; charset=utf-8"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Connection": "close",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class LivePageServer(ThreadingHTTPServer):
    """Serves the page and streams states to it, each viewer in a thread of its own.

    Args:
        feed: Where the states come from.
        port: Port to listen on; 0 for any free one.
        token: What the address must hold.
        beat_seconds: How often a viewer hears something even if nothing changes.
        stall_seconds: How long a viewer may take to read before it is dropped.

    Raises:
        ConfigError: If the port cannot be listened on.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        feed: StateFeed,
        *,
        port: int,
        token: str,
        beat_seconds: float = _BEAT_SECONDS,
        stall_seconds: float = _STALL_SECONDS,
    ) -> None:
        self.feed = feed
        self.beat_seconds = beat_seconds
        self.stall_seconds = stall_seconds
        self.assets = load_assets()
        self.viewers = BoundedSemaphore(_MOST_VIEWERS)
        try:
            super().__init__((LOOPBACK, port), _PageHandler)
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            message = (
                f"port must be one that this user may listen on and nobody else does, got {port}: "
                f"{reason}; choose another with --port, or 0 for any free one"
            )
            raise ConfigError(message) from error
        self.guard = RequestGuard(token, self.server_address[1])

    @property
    def address(self) -> str:
        """Address of the page, token included."""
        return self.guard.address

    def server_bind(self) -> None:
        """Bind without asking for this machine's name, which may take seconds offline."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = LOOPBACK, self.server_address[1]

    def handle_error(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        """Say nothing of viewers that went away; anything else is a bug and worth a traceback."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


class _PageHandler(BaseHTTPRequestHandler):
    """Answers one request and closes the connection, whatever was asked."""

    server_version = "tamiyo"
    sys_version = ""

    def setup(self) -> None:
        # Also the longest wait for a request, so that a silent connection ends.
        self.request.settimeout(self._page.stall_seconds)
        super().setup()

    def do_GET(self) -> None:
        """Answer a request for a file, the state or the stream."""
        page = self._page
        refusal = page.guard.find_refusal(self.path, self.headers)
        if refusal is not None:
            self._send_line(refusal.status, refusal.line)
            return
        name = page.guard.find_name(self.path) or ""
        if name == _STREAM:
            self._stream_if_there_is_room()
        elif name == _STATE:
            self._send_state()
        elif name in page.assets:
            asset = page.assets[name]
            self._send(HTTPStatus.OK, asset.kind, asset.content)
        else:
            self._send_line(HTTPStatus.NOT_FOUND, "there is no such file here")

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what could not be understood, or asks for more than GET, in one plain line."""
        del explain
        if code == HTTPStatus.NOT_IMPLEMENTED:
            self._send_line(HTTPStatus.METHOD_NOT_ALLOWED, "the method must be GET")
            return
        status = HTTPStatus(code)
        self._send_line(status, f"the request must be plain HTTP: {message or status.phrase}")

    def log_message(self, *_: object) -> None:
        """Log nothing: targets hold the token."""

    @property
    def _page(self) -> LivePageServer:
        return cast("LivePageServer", self.server)

    def _send_state(self) -> None:
        newest = self._page.feed.newest
        if newest is None:
            self._send_line(HTTPStatus.SERVICE_UNAVAILABLE, "nothing is known of the run yet")
        else:
            self._send(HTTPStatus.OK, "application/json", newest.text.encode())

    def _stream_if_there_is_room(self) -> None:
        page = self._page
        if not page.viewers.acquire(blocking=False):
            line = f"viewers must be at most {_MOST_VIEWERS}; close one of them"
            self._send_line(HTTPStatus.SERVICE_UNAVAILABLE, line)
            return
        try:
            self._stream()
        finally:
            page.viewers.release()

    def _stream(self) -> None:
        """Send states until the viewer goes away, stalls, or the server ends."""
        page = self._page
        self._send_head(HTTPStatus.OK, "text/event-stream; charset=utf-8", {})
        self._send_chunk(f"retry: {_RETRY_MILLISECONDS}\n\n")
        seen = 0
        while not page.feed.is_closed:
            edition = page.feed.wait(seen, page.beat_seconds)
            if edition is None:
                # Tells the page that the server lives, and the server that the page does.
                self._send_chunk("event: beat\ndata: {}\n\n")
            else:
                self._send_chunk(f"event: state\ndata: {edition.text}\n\n")
                seen = edition.number

    def _send_line(self, status: HTTPStatus, line: str) -> None:
        self._send(status, _TEXT, f"tamiyo: {' '.join(line.split())}\n".encode())

    def _send(self, status: HTTPStatus, kind: str, content: bytes) -> None:
        self._send_head(status, kind, {"Content-Length": str(len(content))})
        self.wfile.write(content)

    def _send_head(self, status: HTTPStatus, kind: str, more: dict[str, str]) -> None:
        self.close_connection = True
        self.send_response(status)
        allowed = {"Allow": "GET"} if status == HTTPStatus.METHOD_NOT_ALLOWED else {}
        for name, value in {"Content-Type": kind, **_HEADERS, **allowed, **more}.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_chunk(self, text: str) -> None:
        self.wfile.write(text.encode())
