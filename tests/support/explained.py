"""Logs with decisions to explain: of a run, and of a training that records two episodes."""

from __future__ import annotations

from dataclasses import replace

from tamiyo.contracts import (
    DecisionMade,
    EpisodeFinished,
    EpisodeStarted,
    RewardPaid,
    RewardParts,
    RunStarted,
    TrainingStarted,
    encode_event,
)
from tests.support.events import build_evidence, build_one_of_each, build_run

__all__ = ["build_episodes", "encode"]


def encode(events):
    """Return events as a log gives them back."""
    return [encode_event(event) for event in events]


def build_episodes(count=2, *, epochs=60):
    """Build a training of one environment with paid decisions and their evidence."""
    events = [next(e for e in build_one_of_each() if isinstance(e, TrainingStarted))]
    for episode in range(count):
        events += _build_episode(episode, epochs if episode == count - 1 else 60)
    return events


def _build_episode(episode, epochs):
    start, finish = (
        replace(next(e for e in build_one_of_each() if isinstance(e, kind)), episode=episode)
        for kind in (EpisodeStarted, EpisodeFinished)
    )
    events = [start]
    for event in build_run(epochs=epochs, is_finished=False):
        if isinstance(event, RunStarted):
            continue
        if not isinstance(event, DecisionMade):
            events.append(event)
        else:
            parts = RewardParts(bounded_attribution=0.5 + episode, compute_rent=-0.25)
            events.append(replace(event, evidence=build_evidence()))
            events.append(RewardPaid(environment=0, epoch=event.epoch, parts=parts))
    return [*events, finish] if epochs == 60 else events
