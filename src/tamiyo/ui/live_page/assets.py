"""The files of the page, read from the package once."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Asset", "load_assets"]

_KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PAGE: Final = "index.html"


@dataclass(frozen=True, kw_only=True)
class Asset:
    """A file of the page.

    Attributes:
        content: Its bytes.
        kind: Its media type.
    """

    content: bytes
    kind: str


def load_assets() -> Mapping[str, Asset]:
    """Read every file of the page.

    Requests are looked up among these names and never reach the file system.

    Returns:
        Name to file; the page itself has the empty name.
    """
    found = {}
    for entry in files("tamiyo.ui.live_page").joinpath("static").iterdir():
        kind = _KINDS.get("." + entry.name.rpartition(".")[2])
        if kind is not None:
            name = "" if entry.name == _PAGE else entry.name
            found[name] = Asset(content=entry.read_bytes(), kind=kind)
    return found
