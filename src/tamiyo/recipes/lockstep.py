"""Lockstep: episodes side by side on one population; it owns the order of an episode.

An episode gives the same bytes whatever runs beside it, so one alone is the case of one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from tamiyo.contracts import ConfigError
from tamiyo.engine import EngineKind, build_population
from tamiyo.recipes.episode import Episode, EpisodeOutcome, build_task_episode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamiyo.contracts import EventSink
    from tamiyo.model import SlotProbes
    from tamiyo.recipes.config import RunConfig
    from tamiyo.tasks import Task, TaskData

__all__ = ["EngineUse", "Lockstep", "build_task_lockstep"]


@dataclass(frozen=True, kw_only=True)
class EngineUse:
    """What trained, and why.

    Attributes:
        kind: The engine, never ``auto``.
        reason: Why it and no other, in one sentence.
    """

    kind: EngineKind
    reason: str


class Lockstep:
    """Runs episodes epoch by epoch, all of them at once; a context manager.

    Leaving it gives back what the engine holds; the members stay as they ended.

    Args:
        episodes: The episodes, of one task and one engine's settings; none has begun.

    Attributes:
        members: Their environments.
        engine: What trains them, and why.

    Raises:
        ConfigError: If there is no episode, they do not share task and engine, or their engine
            cannot train them.
    """

    def __init__(self, episodes: Sequence[Episode]) -> None:
        self._episodes = list(episodes)
        if not self._episodes:
            message = "episodes must be at least one, got none"
            raise ConfigError(message)
        first = self._episodes[0]
        self._task = first.task
        for other in self._episodes:
            for name, ours, theirs in (
                ("task", first.task.name, other.task.name),
                ("epochs", first.task.max_epochs, other.task.max_epochs),
                ("engine", first.config.engine, other.config.engine),
            ):
                if ours != theirs:
                    message = f"{name} must be the same in all episodes, got {ours} and {theirs}"
                    raise ConfigError(message)
        self.members = [episode.member for episode in self._episodes]
        choice = build_population(self.members, first.config.engine.engine)
        self.engine = EngineUse(kind=choice.kind, reason=choice.reason)
        self._population = choice.population

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._population.close()

    def run(self, should_stop: Callable[[], bool] = lambda: False) -> list[EpisodeOutcome]:
        """Train to the last epoch, or until told to stop, and judge the committed networks.

        Args:
            should_stop: Asked after every epoch; true ends the episodes there.

        Returns:
            What came of each episode, in their order.
        """
        population, task = self._population, self._task
        for episode, start in zip(self._episodes, population.initial, strict=True):
            episode.begin(start)
        interrupted = False
        for epoch in range(1, task.max_epochs + 1):
            if epoch == task.decision_epochs + 1:
                population.begin_closing()
            results = population.step([episode.decide(epoch) for episode in self._episodes])
            for episode, result in zip(self._episodes, results, strict=True):
                episode.observe(result)
            if should_stop() and epoch < task.max_epochs:
                interrupted = True
                break
        return [
            episode.finish(final, interrupted=interrupted)
            for episode, final in zip(self._episodes, population.judge(), strict=True)
        ]


def build_task_lockstep(
    config: RunConfig,
    task: Task,
    data: TaskData,
    *,
    seeds: Sequence[int],
    build_sink: Callable[[], EventSink],
) -> Lockstep:
    """Build the episodes of several seeds on a registered task.

    Args:
        config: Everything that decides a run but for its seed.
        task: The task as the runs have it.
        data: Its data, shared.
        seeds: Seeds of the runs.
        build_sink: Says where the events of one more run go.

    Raises:
        ConfigError: As :class:`Episode` and :class:`Lockstep` do.
    """
    episodes: list[Episode] = []
    probes: dict[str, SlotProbes] = {}
    for seed in seeds:
        own_task, own_data = task.find_host(data, config.hosts, seed)
        run, recipe = replace(config, seed=seed), repr(own_task.host)
        episode = build_task_episode(
            run, own_task, own_data, sink=build_sink(), probes=probes.get(recipe)
        )
        # Hosts built by one recipe have the same slots.
        probes.setdefault(recipe, episode.member.model.probes)
        episodes.append(episode)
    return Lockstep(episodes)
