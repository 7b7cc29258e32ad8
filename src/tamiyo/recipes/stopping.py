"""Stop a run between two epochs, or a training between two steps, when the user asks for it."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

__all__ = ["StopRequest"]


class StopRequest:
    """Turns the first SIGINT or SIGTERM into a wish; a second one raises ``KeyboardInterrupt``.

    Use it as a context manager; leaving it puts the old handlers back. Signals reach the main
    thread only: in any other one it listens to the caller's own question.

    Args:
        should_stop: Another reason to stop, asked as well.
    """

    def __init__(self, should_stop: Callable[[], bool] = lambda: False) -> None:
        self._asked = False
        self._is_urgent = False
        self._should_stop = should_stop
        self._before: dict[int, Any] = {}

    def __call__(self) -> bool:
        """Say whether a stop was asked for.

        Raises:
            KeyboardInterrupt: If it was asked for twice.
        """
        if self._is_urgent:
            # Raised once already, but maybe where C code that looks for an attribute drops it.
            raise KeyboardInterrupt
        return self._asked or self._should_stop()

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, _number: int, _frame: FrameType | None) -> None:
        if self._asked:
            self._is_urgent = True
            raise KeyboardInterrupt
        self._asked = True
