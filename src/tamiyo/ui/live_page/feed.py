"""The newest state of a run, for any number of viewers, none of whom another one waits for."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Condition

__all__ = ["Edition", "StateFeed"]


@dataclass(frozen=True, kw_only=True)
class Edition:
    """A state as it was published.

    Attributes:
        number: How many were published before it, itself included; at least 1.
        text: The state, one line of JSON.
    """

    number: int
    text: str


class StateFeed:
    """Keeps the newest state only: a slow viewer skips states, and no queue grows for it."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._newest: Edition | None = None
        self._is_closed = False

    @property
    def newest(self) -> Edition | None:
        """The newest state; ``None`` before the first."""
        return self._newest

    @property
    def is_closed(self) -> bool:
        """Whether no further state will come."""
        return self._is_closed

    def publish(self, text: str) -> None:
        """Replace the state, and wake whoever waits for one; a state equal to the newest is none.

        Args:
            text: The state, one line of JSON.
        """
        with self._changed:
            before = self._newest
            if before is not None and before.text == text:
                return
            number = 1 if before is None else before.number + 1
            self._newest = Edition(number=number, text=text)
            self._changed.notify_all()

    def wait(self, seen: int, seconds: float) -> Edition | None:
        """Wait for a state that is newer than one.

        Args:
            seen: Number of the newest state the viewer has; 0 for none.
            seconds: How long to wait at most.

        Returns:
            The newest state; ``None`` if none came in time or the feed was closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or self._has_newer(seen), seconds)
            return self._newest if self._has_newer(seen) and not self._is_closed else None

    def close(self) -> None:
        """Let every viewer go; closing twice does no harm."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _has_newer(self, seen: int) -> bool:
        return self._newest is not None and self._newest.number > seen
