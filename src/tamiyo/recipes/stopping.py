"""Stop a run between two epochs when the user asks for it."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Self

__all__ = ["StopRequest"]


class StopRequest:
    """Turns the first SIGINT or SIGTERM into a wish; a second one ends the process at once.

    Use it as a context manager in the main thread; leaving it puts the old handlers back.
    """

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, object] = {}

    def __call__(self) -> bool:
        """Say whether a stop was asked for."""
        return self._asked

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self._asked = True
        signal.signal(number, signal.SIG_DFL)
