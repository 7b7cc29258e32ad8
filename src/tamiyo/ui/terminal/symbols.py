"""Signs a console can show: Unicode ones, or plain ASCII where its encoding has no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Symbols", "choose_symbols"]


@dataclass(frozen=True, kw_only=True)
class Symbols:
    """One set of signs; each is one character wide but ``plus_minus`` in ASCII.

    ``heights`` are eight signs from low to high, ``filled`` and ``unfilled`` the parts of a bar.
    """

    up: str
    down: str
    level: str
    plus_minus: str
    arrow: str
    heights: str
    filled: str
    unfilled: str


_UNICODE = Symbols(
    up="▲",
    down="▼",
    level="·",
    plus_minus="±",
    arrow="→",
    heights="▁▂▃▄▅▆▇█",
    filled="█",
    unfilled="░",
)
_ASCII = Symbols(
    up="+",
    down="-",
    level=" ",
    plus_minus="+-",
    arrow=">",
    heights="_.,-~=*#",
    filled="#",
    unfilled="-",
)


def choose_symbols(console: Console) -> Symbols:
    """Choose the signs that a console's encoding can carry."""
    return _UNICODE if console.encoding.lower().startswith("utf") else _ASCII
