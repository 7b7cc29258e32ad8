"""QueuedSink: it never waits, never raises, and counts what it dropped."""

from __future__ import annotations

import threading
import time

import pytest

from tamiyo.contracts import TamiyoInitiated
from tamiyo.telemetry import QueuedSink


def event(epoch):
    return TamiyoInitiated(environment=0, epoch=epoch)


class Gated:
    """Takes an event only when the gate is open."""

    def __init__(self):
        self.gate, self.begun = threading.Event(), threading.Event()
        self.taken, self.is_closed = [], False

    def emit(self, event):
        self.begun.set()
        self.gate.wait()
        self.taken.append(event.epoch)

    def close(self):
        self.is_closed = True


class Failing:
    """Raises at some event, or when it is closed."""

    def __init__(self, at):
        self._at = at

    def emit(self, event):
        if event.epoch == self._at:
            raise RuntimeError("lost the server")

    def close(self):
        if self._at == "close":
            raise RuntimeError("lost the server")


def fill(queue, slow, count):
    """Let one event be in the sink's hands and ``count`` wait."""
    queue.emit(event(0))
    slow.begun.wait()
    for epoch in range(1, count + 1):
        queue.emit(event(epoch))


def test_every_event_reaches_the_sink_in_order_before_it_is_closed():
    sink = Gated()
    sink.gate.set()
    queue = QueuedSink(sink, name="slow")
    for epoch in range(100):
        queue.emit(event(epoch))
    queue.close()
    assert sink.taken == list(range(100))
    assert sink.is_closed
    assert (queue.dropped, queue.failure) == (0, None)


def test_a_full_queue_drops_and_counts_without_waiting():
    sink = Gated()
    queue = QueuedSink(sink, name="slow", capacity=3)
    begin = time.monotonic()
    fill(queue, sink, 10)
    assert time.monotonic() - begin < 1
    assert queue.dropped == 7
    sink.gate.set()
    queue.close()
    assert sink.taken == [0, 1, 2, 3]


def test_a_sink_that_never_comes_to_an_end_is_left_to_itself():
    sink = Gated()
    queue = QueuedSink(sink, name="stuck")
    fill(queue, sink, 5)
    queue.close(patience_seconds=0.05)
    assert queue.dropped == 5
    sink.gate.set()


@pytest.mark.parametrize(("at", "dropped"), [(2, 3), ("close", 0)])
def test_a_sink_that_fails_is_told_no_more(at, dropped):
    queue = QueuedSink(Failing(at), name="broken")
    for epoch in range(5):
        queue.emit(event(epoch))
    queue.close()
    assert queue.dropped == dropped
    assert str(queue.failure) == "lost the server"
    queue.emit(event(9))
    assert queue.dropped == dropped + 1
