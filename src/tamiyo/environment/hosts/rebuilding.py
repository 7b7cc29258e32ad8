"""Train the host of one episode again, from what was decided in it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tamiyo.contracts import compute_score
from tamiyo.engine import Member, StepResult, build_population
from tamiyo.environment.hosts.building import EpisodeKey, build_members, choose_engine
from tamiyo.environment.hosts.course import count_committed, score_committed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamiyo.contracts import AdaptationCommand, EventSink, TaskConfig
    from tamiyo.engine import Population
    from tamiyo.environment.hosts.config import HostEnvConfig

__all__ = ["RebuiltEpisode", "rebuild_episode"]


@dataclass(frozen=True, kw_only=True)
class RebuiltEpisode:
    """A host that was trained again.

    Attributes:
        member: The host with its slots, as the episode left it.
        start: The untrained host.
        score: Score of the committed network on the control split, points; ``None`` if the episode
            was not trained to its end.
        parameters: Trainable parameters of that network.
        diverged: Whether training diverged.
    """

    member: Member
    start: StepResult
    score: float | None
    parameters: int
    diverged: bool


def rebuild_episode(
    config: HostEnvConfig,
    key: EpisodeKey,
    commands: Sequence[AdaptationCommand],
    *,
    epochs: int,
    sink: EventSink,
    on_progress: Callable[[int], None] = lambda _epoch: None,
) -> RebuiltEpisode:
    """Train the host of an episode again; no reward is paid and no twin trained.

    Args:
        config: What the episodes are like.
        key: Which host.
        commands: What to do, from the first epoch on; nothing is decided in the closing epochs.
        epochs: Epochs to train, at least 1.
        sink: Where events go.
        on_progress: Told after every epoch how many are done.

    Raises:
        ConfigError: If the hosts cannot be built or trained.
    """
    (member,) = build_members(config, [replace(key, is_told=True)], sink)
    task = config.task_config
    population = build_population([member], choose_engine(config)).population
    (start,) = latest = list(population.initial)
    diverged = False
    for epoch in range(1, epochs + 1):
        if epoch == task.decision_epochs + 1:
            population.begin_closing()
        is_decided = epoch <= min(task.decision_epochs, len(commands))
        latest = population.step([commands[epoch - 1] if is_decided else None])
        diverged = diverged or latest[0].measured.rolled_back is not None
        on_progress(epoch)
    score, parameters = _judge(population, task, latest[0], is_over=epochs == task.max_epochs)
    population.close()
    return RebuiltEpisode(
        member=member,
        start=start,
        score=score if epochs == task.max_epochs or diverged else None,
        parameters=parameters,
        diverged=diverged,
    )


def _judge(
    population: Population, task: TaskConfig, latest: StepResult, *, is_over: bool
) -> tuple[float, int]:
    """Return score and parameters of the committed network, as the end of an episode does."""
    if not is_over:
        return score_committed(task, latest), count_committed(latest)
    (final,) = population.judge()
    score = compute_score(
        final.control_accuracy,
        parameters=final.parameters,
        host_parameters=latest.host.host_parameters,
        rent_points=task.rent_points,
    )
    return score, final.parameters
