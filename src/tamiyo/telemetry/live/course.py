"""Course: a number over time in bounded memory."""

from __future__ import annotations

from typing import Final

from tamiyo.telemetry.live.state import LiveCurve

__all__ = ["Course"]

_MOST_POINTS: Final = 200


class Course:
    """Keeps at most 200 points of a number, evenly spread, and always the last one.

    Args:
        name: What the number is, in words.
        unit: What it is measured in; empty for a bare number.
    """

    def __init__(self, name: str, unit: str = "") -> None:
        self._name = name
        self._unit = unit
        self._points: list[tuple[int, float]] = []
        self._last: tuple[int, float] | None = None
        self._stride = 1
        self._count = 0

    def add(self, place: int, value: float) -> None:
        """Add a point.

        Args:
            place: Where it lies, beyond the ones before.
            value: The number there.
        """
        if self._count % self._stride == 0:
            self._points.append((place, value))
            self._last = None
        else:
            self._last = (place, value)
        self._count += 1
        if len(self._points) >= _MOST_POINTS:
            self._last = self._last or self._points[-1]
            self._points = self._points[::2]
            self._stride *= 2

    def freeze(self) -> LiveCurve:
        """Return what was kept."""
        points = self._points
        if self._last is not None and self._last != points[-1]:
            points = [*points, self._last]
        return LiveCurve(
            name=self._name,
            unit=self._unit,
            places=tuple(place for place, _ in points),
            values=tuple(value for _, value in points),
        )
