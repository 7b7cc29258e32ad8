"""Episodes on the hosts of digits-cnn, many at once, and searches that play them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from tamiyo.contracts import DecisionMade, LifecycleOp, compute_score
from tamiyo.controller import Heuristic, ScheduleController, WaitOnly
from tamiyo.environment import HeuristicFamily, ScheduleFamily, build_digits_config, to_schedule
from tamiyo.recipes import EpisodeResult, Lockstep, RunConfig, build_task_episode
from tamiyo.tasks import HostSource, get_task
from tamiyo.telemetry import MemorySink

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tamiyo.controller import Controller, HeuristicConfig, Schedule
    from tamiyo.environment import SchedulePlans
    from tamiyo.model import SlotProbes
    from tamiyo.tasks import HostConditions, Task, TaskData, TrainingData

__all__ = [
    "TASK",
    "HostHeuristics",
    "HostSchedules",
    "PlayedHost",
    "follow",
    "play_hosts",
    "play_on",
]

TASK = "digits-cnn"
AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class PlayedHost:
    """One episode.

    Attributes:
        result: What came out of it.
        control_score: Score of the committed network on the control split, points.
        fossils: Blueprints that were committed, in the order of the slots.
        decisions: Epoch and op of every decision but WAIT.
    """

    result: EpisodeResult
    control_score: float
    fossils: tuple[str, ...]
    decisions: tuple[tuple[int, str], ...]


def follow(schedule: Schedule | None) -> Controller:
    """Build what carries out a schedule; none waits."""
    return WaitOnly() if schedule is None else ScheduleController(schedule)


def play_hosts(
    source: HostSource, controllers: Sequence[Controller], seeds: Sequence[int]
) -> list[PlayedHost]:
    """Let each controller grow the host of its seed.

    Args:
        source: Where hosts come from.
        controllers: One new controller per episode.
        seeds: One seed per episode.
    """
    data = _load()
    return _play(lambda seed: get_task(TASK).find_host(data, source, seed), controllers, seeds)


def play_on(
    conditions: HostConditions, controllers: Sequence[Controller], seeds: Sequence[int]
) -> list[PlayedHost]:
    """Do the same on hosts of one kind.

    Args:
        conditions: What the hosts are like.
        controllers: One new controller per episode.
        seeds: One seed per episode.
    """
    data, task = _load(), get_task(TASK)
    return _play(lambda seed: task.apply_conditions(data, conditions, seed), controllers, seeds)


class HostSchedules(ScheduleFamily):
    """Fixed schedules, played on real hosts and judged on the control split."""

    def __init__(self, on_played: Callable[[int], None]) -> None:
        super().__init__(build_digits_config())
        self._on_played = on_played

    def play(self, candidates: Sequence[SchedulePlans], seeds: range) -> NDArray[np.float64]:
        """Play each of P schedules on the hosts of E seeds, control score ``[P, E]``."""
        slot_ids = tuple(get_task(TASK).slots)
        return _play_each(
            [to_schedule(plan, 0, slot_ids) for plan in candidates],
            seeds,
            follow,
            self._on_played,
        )


class HostHeuristics(HeuristicFamily):
    """Thresholds of the heuristic, likewise."""

    def __init__(self, on_played: Callable[[int], None]) -> None:
        super().__init__(build_digits_config())
        self._on_played = on_played

    def play(self, candidates: Sequence[HeuristicConfig], seeds: range) -> NDArray[np.float64]:
        """Play the heuristic with each of P thresholds on the hosts of E seeds, ``[P, E]``."""
        return _play_each(candidates, seeds, Heuristic, self._on_played)


def _play_each(
    candidates: Sequence[object],
    seeds: range,
    build: Callable[..., Controller],
    on_played: Callable[[int], None],
) -> NDArray[np.float64]:
    pairs = [(candidate, seed) for candidate in candidates for seed in seeds]
    scores: list[float] = []
    for start in range(0, len(pairs), AT_ONCE):
        part = pairs[start : start + AT_ONCE]
        played = play_hosts(
            HostSource.VARIED,
            [build(candidate) for candidate, _ in part],
            [seed for _, seed in part],
        )
        scores += [one.control_score for one in played]
        on_played(len(part))
    return np.array(scores).reshape(len(candidates), len(seeds))


def _play(
    find_host: Callable[[int], tuple[Task, TrainingData]],
    controllers: Sequence[Controller],
    seeds: Sequence[int],
) -> list[PlayedHost]:
    played: list[PlayedHost] = []
    for start in range(0, len(seeds), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        played += _play_part(find_host, controllers[part], seeds[part])
    return played


def _play_part(
    find_host: Callable[[int], tuple[Task, TrainingData]],
    controllers: Sequence[Controller],
    seeds: Sequence[int],
) -> list[PlayedHost]:
    probes: dict[str, SlotProbes] = {}
    episodes, sinks = [], []
    for seed, controller in zip(seeds, controllers, strict=True):
        task, data = find_host(seed)
        recipe = repr(task.host)
        config = RunConfig(task=TASK, seed=seed)
        sinks.append(MemorySink())
        episode = build_task_episode(
            config, task, data, sink=sinks[-1], probes=probes.get(recipe), controller=controller
        )
        probes.setdefault(recipe, episode.member.model.probes)
        episodes.append(episode)
    with Lockstep(episodes) as lockstep:
        outcomes = lockstep.run()
        hosts = [member.model.report().host_parameters for member in lockstep.members]
    return [
        PlayedHost(
            result=outcome.result,
            control_score=compute_score(
                outcome.result.control_accuracy,
                parameters=outcome.result.parameters,
                host_parameters=host,
                rent_points=get_task(TASK).config.rent_points,
            ),
            fossils=tuple(fossil.blueprint.name.lower() for fossil in outcome.fossils),
            decisions=_list_decisions(sink),
        )
        for outcome, host, sink in zip(outcomes, hosts, sinks, strict=True)
    ]


def _list_decisions(sink: MemorySink) -> tuple[tuple[int, str], ...]:
    decided = [event for event in sink.events if isinstance(event, DecisionMade)]
    return tuple(
        (event.epoch, event.command.op.name)
        for event in decided
        if event.command.op != LifecycleOp.WAIT
    )


@cache
def _load() -> TaskData:
    return get_task(TASK).load_data()
