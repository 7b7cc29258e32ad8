"""Bars and curves of a few characters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.ui.terminal.symbols import Symbols

__all__ = ["draw_bar", "draw_sparkline"]


def draw_bar(share: float, width: int, symbols: Symbols) -> str:
    """Draw how much of something there is.

    Args:
        share: In [0, 1]; what lies beyond is cut.
        width: Characters.
        symbols: Signs the console can show.
    """
    filled = round(min(1.0, max(0.0, share)) * width)
    return symbols.filled * filled + symbols.unfilled * (width - filled)


def draw_sparkline(values: Sequence[float], width: int, symbols: Symbols) -> str:
    """Draw a curve from its lowest to its highest value, the last one at the right end.

    Args:
        values: Evenly spaced; numbers that are not finite leave a gap.
        width: Characters; values that share one are averaged.
        symbols: Signs the console can show.
    """
    columns = _average(values, width)
    known = [value for value in columns if value is not None]
    if not known:
        return ""
    low, spread = min(known), max(known) - min(known)
    top = len(symbols.heights) - 1

    def draw(value: float | None) -> str:
        if value is None:
            return " "
        return symbols.heights[round(top * (value - low) / spread) if spread else top // 2]

    return "".join(map(draw, columns))


def _average(values: Sequence[float], width: int) -> list[float | None]:
    """Return at most ``width`` means of neighbors, ``None`` where none of them is finite."""
    count = min(width, len(values))
    columns: list[float | None] = []
    for column in range(count):
        part = values[column * len(values) // count : (column + 1) * len(values) // count]
        finite = [value for value in part if math.isfinite(value)]
        columns.append(math.fsum(finite) / len(finite) if finite else None)
    return columns
