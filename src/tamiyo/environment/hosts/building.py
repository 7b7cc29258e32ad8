"""Build the hosts of episodes, here or in a worker process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

from tamiyo.contracts import NullSink, SeedStream, check_initial_loss
from tamiyo.engine import (
    EngineKind,
    Member,
    Population,
    Trainee,
    build_population,
    build_task_trainee,
)
from tamiyo.environment.hosts.config import HostEnvConfig
from tamiyo.tasks import TaskData, build_host, get_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import EventSink
    from tamiyo.engine import EngineConfig
    from tamiyo.model import SlotProbes
    from tamiyo.tasks import Task, TrainingData

__all__ = ["EpisodeKey", "PopulationBuilder", "build_members", "choose_engine"]

_TRIED_HOSTS = 4
"""Hosts that stand for many when an engine is chosen."""


@dataclass(frozen=True, kw_only=True)
class EpisodeKey:
    """Which host trains, and as which environment.

    Attributes:
        seed: Seed of the run: ``tamiyo grow`` with it trains the same host.
        environment: Index of the environment; twins have the one of their group's first.
        is_told: Whether events are told of it.
    """

    seed: int
    environment: int
    is_told: bool = False


@dataclass(frozen=True, kw_only=True)
class PopulationBuilder:
    """Builds the hosts of some episodes; it survives pickling on its way to a worker.

    Attributes:
        config: What the episodes are like.
        kind: What trains them, not ``auto``: results must depend on no number of hosts.
    """

    config: HostEnvConfig
    kind: EngineKind

    def __call__(self, keys: Sequence[EpisodeKey], sink: EventSink) -> Population:
        """Build a population with a member for each key.

        Args:
            keys: The hosts.
            sink: Where the events of those go that are told of.

        Raises:
            ConfigError: If a host exceeds the budget, its untrained loss contradicts the task, or
                the engine cannot train it.
        """
        return build_population(build_members(self.config, keys, sink), self.kind).population


def choose_engine(config: HostEnvConfig) -> EngineKind:
    """Choose what trains the hosts: once, as for many, so that no result depends on their number.

    Args:
        config: What the episodes are like.

    Raises:
        ConfigError: If the engine that was asked for cannot train them.
    """
    keys = [EpisodeKey(seed=0, environment=index) for index in range(_TRIED_HOSTS)]
    return build_population(build_members(config, keys, NullSink()), config.engine.engine).kind


def build_members(
    config: HostEnvConfig, keys: Sequence[EpisodeKey], sink: EventSink
) -> list[Member]:
    """Build the hosts of some episodes, untrained.

    Args:
        config: What the episodes are like.
        keys: The hosts.
        sink: Where events go.

    Raises:
        ConfigError: If a host exceeds the budget, or its untrained loss contradicts the task.
    """
    shared = config.build_task()
    members: list[Member] = []
    probes: dict[str, SlotProbes] = {}
    for key in keys:
        task, data = shared.find_host(_load_data(config.task), config.hosts, key.seed)
        recipe = repr(task.host)
        members.append(_build_member((task, data), config.engine, key, probes.get(recipe), sink))
        # Hosts of one recipe have the same slots.
        probes.setdefault(recipe, members[-1].model.probes)
    return members


def _build_member(
    host: tuple[Task, TrainingData],
    engine: EngineConfig,
    key: EpisodeKey,
    probes: SlotProbes | None,
    sink: EventSink,
) -> Member:
    task, data = host
    member = Member(
        task.config,
        data,
        probes or task.slots,
        partial(_build_trainee, task),
        engine=engine,
        seeds=SeedStream(run_seed=key.seed),
        environment=key.environment,
        sink=sink if key.is_told else NullSink(),
    )
    check_initial_loss(task.config, member.initial.control_loss)
    return member


def _build_trainee(task: Task) -> Trainee:
    return build_task_trainee(build_host(task.host), task.config)


@cache
def _load_data(task: str) -> TaskData:
    """Load the data of a task once per process."""
    return get_task(task).load_data()
