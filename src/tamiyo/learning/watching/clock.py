"""PhaseClock: where the time of a training goes."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["OTHER", "PhaseClock"]

OTHER: Final = "other"
"""The phase of whatever belongs to no other."""


class PhaseClock:
    """Adds up the wall-clock time that phases take; one inside another stops the outer one.

    Args:
        read: The time, seconds.
    """

    def __init__(self, read: Callable[[], float] = time.perf_counter) -> None:
        self._read = read
        self._open = [OTHER]
        self._since = read()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Count the time within as that of a phase.

        Args:
            name: The phase.
        """
        self._settle()
        self._open.append(name)
        try:
            yield
        finally:
            self._settle()
            self._open.pop()

    def take(self) -> dict[str, float]:
        """Return the seconds of each phase since the last time, and begin anew."""
        self._settle()
        seconds, self._seconds = self._seconds, {}
        return seconds

    def _settle(self) -> None:
        """Give the time since the last change to the phase that is open."""
        now = self._read()
        name = self._open[-1]
        self._seconds[name] = self._seconds.get(name, 0.0) + now - self._since
        self._since = now
