"""Grow a neural network while it trains.

``import tamiyo`` is light: names that need torch load it when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from tamiyo.controller import SignalTracker, build_controller
    from tamiyo.engine import EpochMeter, GrowingOptimizer
    from tamiyo.model import TamiyoModel, attach, detach, propose_slots, save_export
    from tamiyo.recipes import GrowResult, GrowSettings, RecordedController, grow, grow_task
    from tamiyo.recipes import load_network as load

__all__ = [
    "EpochMeter",
    "GrowResult",
    "GrowSettings",
    "GrowingOptimizer",
    "RecordedController",
    "SignalTracker",
    "TamiyoModel",
    "attach",
    "build_controller",
    "detach",
    "grow",
    "grow_task",
    "load",
    "propose_slots",
    "save_export",
]

_HOMES: Final = {
    "EpochMeter": ("tamiyo.engine", "EpochMeter"),
    "GrowResult": ("tamiyo.recipes", "GrowResult"),
    "GrowSettings": ("tamiyo.recipes", "GrowSettings"),
    "GrowingOptimizer": ("tamiyo.engine", "GrowingOptimizer"),
    "RecordedController": ("tamiyo.recipes", "RecordedController"),
    "SignalTracker": ("tamiyo.controller", "SignalTracker"),
    "TamiyoModel": ("tamiyo.model", "TamiyoModel"),
    "attach": ("tamiyo.model", "attach"),
    "build_controller": ("tamiyo.controller", "build_controller"),
    "detach": ("tamiyo.model", "detach"),
    "grow": ("tamiyo.recipes", "grow"),
    "grow_task": ("tamiyo.recipes", "grow_task"),
    "load": ("tamiyo.recipes", "load_network"),
    "propose_slots": ("tamiyo.model", "propose_slots"),
    "save_export": ("tamiyo.model", "save_export"),
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
