"""Stories of runs, told from logs of the example events."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tamiyo.contracts import EpisodeFinished, RewardPaid, RewardParts, TrainingFinished
from tamiyo.telemetry import JsonlSink, tell_run
from tests.support.events import build_one_of_each, build_run, build_twin
from tests.support.live import build_training

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tamiyo.contracts import Event
    from tamiyo.telemetry import RunStory

__all__ = ["build_whole_run", "build_whole_training", "tell", "write_log"]


def write_log(path: Path, events: Iterable[Event]) -> Path:
    """Write events as a run does."""
    path.unlink(missing_ok=True)
    with JsonlSink(path) as sink:
        for event in events:
            sink.emit(event)
    return path


def tell(folder: Path, events: Iterable[Event]) -> RunStory:
    """Tell what happened in a run with these events."""
    return tell_run(write_log(folder / "events.jsonl", events))


def build_whole_run() -> list[Event]:
    """Build a run with its twin."""
    return [*build_run(), build_twin()]


def build_whole_training() -> list[Event]:
    """Build a training with two recorded environments whose second episodes are whole and paid."""
    events = build_training()
    ended = next(one for one in events if isinstance(one, EpisodeFinished))
    paid = [
        RewardPaid(
            environment=0,
            epoch=epoch,
            parts=RewardParts(compute_rent=-0.125, terminal=80.0 if epoch == 3 else 0.0),
        )
        for epoch in (1, 2, 3)
    ]
    ends = [replace(ended, environment=environment, episode=1) for environment in (0, 1)]
    last = next(one for one in build_one_of_each() if isinstance(one, TrainingFinished))
    return [*events, *paid, *ends, last]
