"""Live states of a run and of a training, from the example events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tamiyo.contracts import (
    AlarmKind,
    AlarmRaised,
    DecisionMade,
    EpisodeFinished,
    EpisodeStarted,
    EpochCompleted,
    Event,
    PhasesTimed,
    TrainingStarted,
    UpdateCompleted,
    encode_event,
)
from tamiyo.telemetry import LiveFold
from tests.support.events import build_one_of_each, build_run

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tamiyo.telemetry import LiveState

__all__ = ["build_half_a_run", "build_training", "fold"]


def fold(events: Iterable[Event]) -> LiveState:
    """Fold events."""
    found = LiveFold()
    for event in events:
        found.take(encode_event(event))
    return found.freeze()


def build_half_a_run() -> list[Event]:
    """Build a run that is trained for 30 of its 60 epochs."""
    events = build_run()
    last = next(
        place
        for place, event in enumerate(events)
        if isinstance(event, EpochCompleted) and event.measured.epoch == 30
    )
    return list(events[: last + 1])


def build_training(*, environments: int = 2) -> list[Event]:
    """Build a training of six updates; each recorded environment is in its second episode."""
    start, update = _pick(TrainingStarted), _pick(UpdateCompleted)
    begun, ended = _pick(EpisodeStarted), _pick(EpisodeFinished)
    events: list[Event] = [start]
    for number in range(1, 7):
        report = update.report
        rollout = replace(report.rollout, episode_return=number / 4)
        events.append(
            replace(
                update,
                report=replace(report, update=number, steps=1_600 * number, rollout=rollout),
            )
        )
        events.append(PhasesTimed(steps=1_600, seconds={"train": 6.0, "policy": 1.0, "other": 1.0}))
    for environment in range(environments):
        host = replace(begun.host, environment=environment)
        first = replace(begun, environment=environment, episode=0, host=host)
        again = [replace(first, episode=1), *_grow(environment)]
        events += [first, replace(ended, environment=environment, episode=0), *again]
    message = "ratio rose to 7.1, above 5"
    events.append(AlarmRaised(kind=AlarmKind.RATIO_JUMP, message=message, steps=9_600))
    return events


def _grow(environment: int) -> list[Event]:
    grown: list[Event] = []
    for event in build_half_a_run():
        if isinstance(event, EpochCompleted):
            host = replace(event.host, environment=environment)
            grown.append(replace(event, environment=environment, host=host))
        elif isinstance(event, DecisionMade):
            grown.append(replace(event, environment=environment))
    return grown


def _pick(kind: type) -> Event:
    return next(event for event in build_one_of_each() if isinstance(event, kind))
