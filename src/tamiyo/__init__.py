"""Grow a neural network while it trains.

``import tamiyo`` is light: names that need torch load it when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tamiyo.model import attach, detach
    from tamiyo.recipes import grow_network
    from tamiyo.recipes import load_network as load

__all__ = ["attach", "detach", "grow_network", "load"]

_HOMES: Final = {
    "attach": ("tamiyo.model", "attach"),
    "detach": ("tamiyo.model", "detach"),
    "grow_network": ("tamiyo.recipes", "grow_network"),
    "load": ("tamiyo.recipes", "load_network"),
}


def __getattr__(name: str) -> object:
    """Load the name from the room it lives in.

    Raises:
        AttributeError: If there is no such name.
    """
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    room, attribute = _HOMES[name]
    return getattr(import_module(room), attribute)
