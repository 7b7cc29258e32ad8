"""QueuedSink: a slow sink in a thread of its own, behind a bounded queue that drops and counts."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from tamiyo.contracts import Event

__all__ = ["ClosableSink", "QueuedSink"]

_CAPACITY: Final = 10_000
_FAREWELL_SECONDS: Final = 10.0


class ClosableSink(Protocol):
    """A sink that must be told when there is nothing more to come."""

    def emit(self, event: Event) -> None:
        """Take one event; anything may be raised."""

    def close(self) -> None:
        """Bring to its end what was taken."""


class QueuedSink:
    """Hands events to a sink in another thread; :meth:`emit` never waits and never raises.

    Events that find the queue full are dropped and counted, like all after the sink failed.

    Args:
        sink: What is to be told; only that thread calls it.
        name: What it is called where drops are reported.
        capacity: Events that may wait, at least 1.

    Attributes:
        name: As given.
        dropped: Events that the sink did not take, for good once it is closed.
        failure: What the sink raised first; ``None`` while all is well.
    """

    def __init__(self, sink: ClosableSink, *, name: str, capacity: int = _CAPACITY) -> None:
        self.name = name
        self.dropped = 0
        self.failure: Exception | None = None
        self._sink = sink
        self._capacity = capacity
        self._waiting: deque[Event] = deque()
        self._change = threading.Condition()
        self._is_closing = False
        self._thread = threading.Thread(target=self._work, name=f"tamiyo-{name}", daemon=True)
        self._thread.start()

    def emit(self, event: Event) -> None:
        """Let the event wait for its turn, or drop it."""
        with self._change:
            if self.failure is not None or self._is_closing or self._is_full():
                self.dropped += 1
                return
            self._waiting.append(event)
            self._change.notify()

    def close(self, *, patience_seconds: float = _FAREWELL_SECONDS) -> None:
        """Let the sink take what waits and close it; what it does not manage is dropped.

        Args:
            patience_seconds: How long that may take; after that the thread is left to itself.
        """
        with self._change:
            self._is_closing = True
            self._change.notify()
        self._thread.join(patience_seconds)
        with self._change:
            self._drop_waiting()

    def _is_full(self) -> bool:
        return len(self._waiting) >= self._capacity

    def _work(self) -> None:
        try:
            while (event := self._take()) is not None:
                self._sink.emit(event)
            self._sink.close()
        except Exception as error:  # noqa: BLE001  # other people's code; training must go on
            with self._change:
                self.failure = error
                # The event it failed at was not taken either, if there was one.
                self.dropped += event is not None
                self._drop_waiting()

    def _take(self) -> Event | None:
        """Wait for the next event; ``None`` at the end."""
        with self._change:
            while not self._waiting and not self._is_closing:
                self._change.wait()
            return self._waiting.popleft() if self._waiting else None

    def _drop_waiting(self) -> None:
        self.dropped += len(self._waiting)
        self._waiting.clear()
