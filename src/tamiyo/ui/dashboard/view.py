"""View: what somebody at the dashboard has chosen to see."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from tamiyo.ui.terminal.symbols import Symbols

__all__ = ["Key", "View"]


class Key(Enum):
    """A key that means something."""

    PREVIOUS = "left"
    NEXT = "right"
    PAUSE = "space"
    QUIT = "q"


@dataclass(frozen=True, kw_only=True)
class View:
    """What is shown and how.

    Attributes:
        width: Columns of the terminal.
        height: Its rows.
        symbols: Signs it can show.
        chosen: Position of the chosen environment among those recorded.
        is_paused: Whether the picture stands still.
        is_asked_to_end: Whether it was asked to end.
        notes: What is missing or damaged in the log, one sentence each.
    """

    width: int
    height: int
    symbols: Symbols
    chosen: int = 0
    is_paused: bool = False
    is_asked_to_end: bool = False
    notes: tuple[str, ...] = ()

    def press(self, key: Key | int, environments: int) -> View:
        """Return the view after a key.

        Args:
            key: The key, or the number of an environment's position, counted from 1.
            environments: How many there are to choose from.
        """
        if key == Key.PAUSE:
            return replace(self, is_paused=not self.is_paused)
        if key == Key.QUIT:
            return replace(self, is_asked_to_end=True)
        if environments == 0:
            return self
        if isinstance(key, int):
            return replace(self, chosen=key - 1) if 1 <= key <= environments else self
        step = 1 if key == Key.NEXT else -1
        return replace(self, chosen=(self.chosen + step) % environments)
