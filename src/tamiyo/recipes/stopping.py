"""Stop a run between two epochs when the user asks for it."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import FrameType

__all__ = ["StopRequest"]


class StopRequest:
    """Turns the first SIGINT or SIGTERM into a wish; a second one raises ``KeyboardInterrupt``.

    Use it as a context manager in the main thread; leaving it puts the old handlers back.
    """

    def __init__(self) -> None:
        self._asked = False
        self._before: dict[int, Any] = {}

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

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        for number in self._before:
            signal.signal(number, signal.default_int_handler)
