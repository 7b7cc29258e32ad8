"""Who may read the page: whoever knows the token, from a page of this very server.

A web page elsewhere can make a browser send requests to the loopback address. It knows no token, is
betrayed by ``Origin`` and ``Sec-Fetch-Site``, and if a name of its own is made to lead here (DNS
rebinding), by ``Host``.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from secrets import compare_digest
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from email.message import Message

__all__ = ["LOOPBACK", "Refusal", "RequestGuard"]

LOOPBACK: Final = "127.0.0.1"
"""The address served on: nothing but this machine reaches it."""

_NAMES: Final = (LOOPBACK, "localhost")
_OWN_SITES: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Why a request is not answered.

    Attributes:
        status: The status of the response.
        line: One line that says what must hold.
    """

    status: HTTPStatus
    line: str


@dataclass(frozen=True)
class RequestGuard:
    """Judges requests by their target and headers.

    Attributes:
        token: What the first part of every path must be.
        port: The port served on.
    """

    token: str
    port: int

    @property
    def address(self) -> str:
        """Address of the page."""
        return f"http://{LOOPBACK}:{self.port}/{self.token}/"

    def find_refusal(self, target: str, headers: Message) -> Refusal | None:
        """Say why a request must be refused.

        Args:
            target: What it asks for: a path, perhaps with a query.
            headers: Its headers.

        Returns:
            The reason; ``None`` if it may be answered.
        """
        hosts = headers.get_all("Host", [])
        if len(hosts) != 1 or hosts[0].strip().lower() not in self._hosts:
            return _forbid(f"Host must be {' or '.join(self._hosts)}")
        host = hosts[0].strip().lower()
        if any(origin != f"http://{host}" for origin in headers.get_all("Origin", [])):
            return _forbid("requests must come from this page itself, not from another origin")
        if not self._is_own_site(headers):
            return _forbid("requests must come from this page itself, not from another site")
        if self.find_name(target) is None:
            return _forbid("the address must hold the token that `tamiyo serve` printed")
        return None

    def find_name(self, target: str) -> str | None:
        """Return what stands behind the token in a target.

        Args:
            target: A path, perhaps with a query.

        Returns:
            The name, empty for the page itself; ``None`` if the token is not this server's.
        """
        token, _, name = target.partition("?")[0].removeprefix("/").partition("/")
        # Compared in constant time, so that nobody learns the token character by character.
        is_right = compare_digest(token.encode(errors="replace"), self.token.encode())
        return name if is_right else None

    @property
    def _hosts(self) -> tuple[str, ...]:
        return tuple(f"{name}:{self.port}" for name in _NAMES)

    def _is_own_site(self, headers: Message) -> bool:
        """Whether the browser, if it says so, asks for this page or opens the address itself."""
        sites = set(headers.get_all("Sec-Fetch-Site", []))
        is_opened = headers.get("Sec-Fetch-Mode") == "navigate" and (
            headers.get("Sec-Fetch-Dest") == "document"
        )
        # A link with the token in it may be clicked on in a terminal that is itself a web page.
        return is_opened or sites <= _OWN_SITES


def _forbid(line: str) -> Refusal:
    return Refusal(status=HTTPStatus.FORBIDDEN, line=line)
