"""Train the wait-only twin of a run: the same host on the same seed, never grown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tamiyo.contracts import EpochCompleted, RunFinished, RunStarted, TwinTrained
from tamiyo.recipes.lockstep import Lockstep
from tamiyo.telemetry import MemorySink

if TYPE_CHECKING:
    from collections.abc import Callable

    from tamiyo.contracts import EventSink
    from tamiyo.recipes.episode import Episode

__all__ = ["BuildEpisode", "record_twin"]


class BuildEpisode(Protocol):
    """Builds an episode whose controller only waits."""

    def __call__(self, *, sink: EventSink) -> Episode:
        """Build it; its events go to ``sink``."""


def record_twin(build: BuildEpisode, sink: EventSink, should_stop: Callable[[], bool]) -> None:
    """Train a twin to its end and record what became of it; leave it out if told to stop.

    Args:
        build: Builds the twin's episode.
        sink: Where the outcome goes.
        should_stop: Asked before it begins and after every epoch.
    """
    if should_stop():
        return
    kept = MemorySink()
    episode = build(sink=kept)
    with Lockstep([episode]) as alone:
        (outcome,) = alone.run(should_stop)
    if any(isinstance(event, RunFinished) and event.interrupted for event in kept.events):
        return
    course = [event for event in kept.events if isinstance(event, RunStarted | EpochCompleted)]
    sink.emit(
        TwinTrained(
            environment=episode.member.environment,
            control_accuracies=tuple(
                (
                    event.initial if isinstance(event, RunStarted) else event.measured
                ).control_accuracy
                for event in course
            ),
            test_accuracy=outcome.result.test_accuracy,
            parameters=outcome.result.parameters,
            multiply_adds=outcome.result.multiply_adds,
        )
    )
