"""A log of one episode, written by training its host."""

from __future__ import annotations

from tamiyo.contracts import (
    AdaptationCommand,
    Blueprint,
    EpisodeCounters,
    EpisodeFinished,
    EpisodeStarted,
    LifecycleOp,
    encode_event,
)
from tamiyo.environment import EpisodeKey, rebuild_episode
from tamiyo.telemetry import MemorySink

__all__ = ["log_episode"]


def log_episode(config, *, seed, environment, episode):
    """Train a host that grows one seed, and return what a log of it gives back."""
    task = config.task_config
    slot_id = next(iter(config.build_task().slots))
    commands = [
        AdaptationCommand(
            op=LifecycleOp.GERMINATE, slot_id=slot_id, blueprint=Blueprint.MLP, reason="to test"
        ),
        *[AdaptationCommand()] * (task.decision_epochs - 1),
    ]
    sink = MemorySink()
    key = EpisodeKey(seed=seed, environment=environment)
    again = rebuild_episode(config, key, commands, epochs=task.max_epochs, sink=sink)
    begin = EpisodeStarted(
        environment=environment,
        episode=episode,
        seed=seed,
        task=task.name,
        metric=task.metric,
        epochs=task.max_epochs,
        host=again.start.host,
        initial=again.start.measured,
    )
    end = EpisodeFinished(
        environment=environment,
        episode=episode,
        episode_return=1.5,
        score=again.score,
        host_score=None,
        host_parameters=again.start.host.host_parameters,
        parameters=again.parameters,
        diverged=again.diverged,
        is_thrashing=False,
        counters=EpisodeCounters(seeds_created=1),
    )
    return [encode_event(event) for event in (begin, *sink.events, end)]
