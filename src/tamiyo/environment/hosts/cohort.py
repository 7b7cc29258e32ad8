"""Cohort: episodes that began in the same step, in lockstep on one population."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from tamiyo.contracts import EpisodeCounters, RewardParts, SeedStage, TamiyoDecision, compute_score
from tamiyo.environment.hosts.building import EpisodeKey
from tamiyo.environment.hosts.config import Baseline
from tamiyo.environment.hosts.course import HostCourse, count_committed, score_committed
from tamiyo.rewards import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Mapping, Sequence

    from numpy.typing import NDArray

    from tamiyo.contracts import AdaptationCommand, Event, EventSink, TaskConfig
    from tamiyo.engine import Population, StepResult
    from tamiyo.environment.hosts.config import HostEnvConfig

__all__ = ["Cohort", "EpisodeEnd", "StepOutcome"]


@dataclass(frozen=True, kw_only=True)
class JudgedEpisode:
    """What became of a host whose episode is over.

    Attributes:
        score: Score of the committed network on the control split, points.
        host_score: The same of the wait-only twin; ``None`` without one.
        parameters: Trainable parameters of the committed network.
        committed: Blueprint of the fossil in each slot, 0 for none.
        diverged: Whether it ended early because training diverged.
    """

    score: float
    host_score: float | None
    parameters: int
    committed: tuple[int, ...]
    diverged: bool


@dataclass(frozen=True, kw_only=True)
class EpisodeEnd(JudgedEpisode):
    """What is told of an episode that is over.

    Attributes:
        counters: What was done in it.
        is_thrashing: Whether seeds were planted and pruned again without any gain.
    """

    counters: EpisodeCounters
    is_thrashing: bool


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """What a step gave one environment.

    Attributes:
        parts: What it is paid.
        end: What is told of the episode if it is over.
    """

    parts: RewardParts
    end: EpisodeEnd | None


class _EventBuffer:
    """Keeps events until they are taken away."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    def emit(self, event: Event) -> None:
        """Keep one event."""
        self._events.append(event)

    def take(self) -> list[Event]:
        """Hand over the events since the last time."""
        events, self._events = self._events, []
        return events


class Cohort:
    """Runs the episodes of some environments from their first step to their last.

    Args:
        config: What the episodes are like.
        seeds: Environment to the seed of its episode, in order; those of a group share it.
        open_population: Builds the hosts of some keys, which tell their events to a sink.
        told: Environments that events are told of.

    Attributes:
        seeds: As given.
        courses: Environment to its course; those that ended early are gone.
        actions: What was decided, one array ``[rows, heads]`` per step, -1 for environments that
            had left; replaying it brings a new cohort to the same point.
    """

    def __init__(
        self,
        config: HostEnvConfig,
        seeds: Mapping[int, int],
        open_population: Callable[[Sequence[EpisodeKey], EventSink], Population],
        *,
        told: Container[int] = (),
    ) -> None:
        self.seeds = dict(seeds)
        self.actions: list[NDArray[np.int64]] = []
        self._config = config
        self._task: TaskConfig = config.task_config
        keys: list[EpisodeKey] = []
        self._places: dict[int, int] = {}
        self._twins: dict[int, int] = {}
        for row, seed in self.seeds.items():
            if config.has_twins and seed not in self._twins:
                self._twins[seed] = len(keys)
                keys.append(EpisodeKey(seed=seed, environment=row))
            self._places[row] = len(keys)
            keys.append(EpisodeKey(seed=seed, environment=row, is_told=row in told))
        self._size = len(keys)
        self._heard = _EventBuffer()
        self._population = open_population(keys, self._heard)
        self._latest = list(self._population.initial)
        self.courses = {
            row: HostCourse(config, self._task, self._latest[place])
            for row, place in self._places.items()
        }

    def step(self, actions: NDArray[np.int64]) -> dict[int, StepOutcome]:
        """Carry out one decision per environment and train one epoch; the last one closes too.

        Args:
            actions: One index per head for each environment of :attr:`seeds`, legal and canonical,
                ``[rows, heads]``; those of environments that ended early are ignored.

        Returns:
            Environment to what the step gave it.
        """
        left = np.array([row not in self.courses for row in self.seeds])
        self.actions.append(np.where(left[:, None], -1, actions))
        slot_ids = self._latest[0].host.slot_ids
        decided = {
            row: TamiyoDecision.from_action(action, slot_ids).to_command()
            for row, action in zip(self.seeds, actions.tolist(), strict=True)
            if row in self.courses
        }
        by_place = {self._places[row]: command for row, command in decided.items()}
        self._latest = self._population.step([by_place.get(i) for i in range(self._size)])
        is_last = len(self.actions) == self._task.decision_epochs
        ends = self._close() if is_last else self._find_diverged()
        return {row: self._pay(row, command, ends) for row, command in decided.items()}

    def take_events(self) -> list[Event]:
        """Hand over what the hosts told since the last time, in no order among environments.

        Hosts whose environment has left train on, but nothing is told of them.
        """
        return [
            event
            for event in self._heard.take()
            if getattr(event, "environment", None) in self.courses
        ]

    def drop(self, rows: Collection[int]) -> None:
        """Forget environments that begin other episodes; their hosts train on, unobserved.

        Args:
            rows: Which ones.
        """
        for row in rows:
            self.courses.pop(row, None)

    def close(self) -> None:
        """Give back what the population holds."""
        self._population.close()

    def _pay(
        self, row: int, command: AdaptationCommand, ends: Mapping[int, JudgedEpisode]
    ) -> StepOutcome:
        twin, judged = self._get_twin(row), ends.get(row)
        course = self.courses[row]
        parts = course.take(
            command,
            self._latest[self._places[row]],
            twin_points=None if twin is None else twin.measured.control_accuracy,
            ending=None if judged is None else self._weigh(row, ends),
        )
        if judged is None:
            return StepOutcome(parts=parts, end=None)
        end = EpisodeEnd(**vars(judged), counters=course.counters, is_thrashing=course.is_thrashing)
        return StepOutcome(parts=parts, end=end)

    def _close(self) -> dict[int, JudgedEpisode]:
        """Train the closing epochs and judge what is committed."""
        population, task = self._population, self._task
        population.begin_closing()
        closing = [population.step([None] * self._size) for _ in range(task.closing_epochs)]
        judged = population.judge()
        population.close()
        scores = [
            compute_score(
                final.control_accuracy,
                parameters=final.parameters,
                host_parameters=before.host.host_parameters,
                rent_points=task.rent_points,
            )
            for final, before in zip(judged, self._latest, strict=True)
        ]
        return {
            row: JudgedEpisode(
                score=scores[place],
                host_score=scores[self._twins[self.seeds[row]]] if self._twins else None,
                parameters=judged[place].parameters,
                committed=_list_committed((closing or [self._latest])[-1][place]),
                diverged=any(_has_diverged(epoch[place]) for epoch in [self._latest, *closing]),
            )
            for row, place in self._places.items()
            if row in self.courses
        }

    def _find_diverged(self) -> dict[int, JudgedEpisode]:
        """End the episodes whose training diverged, on what the governor restored."""
        found = {}
        for row in self.courses:
            result = self._latest[self._places[row]]
            if _has_diverged(result):
                twin = self._get_twin(row)
                found[row] = JudgedEpisode(
                    score=score_committed(self._task, result),
                    host_score=None if twin is None else score_committed(self._task, twin),
                    parameters=count_committed(result),
                    committed=_list_committed(result),
                    diverged=True,
                )
        return found

    def _get_twin(self, row: int) -> StepResult | None:
        return self._latest[self._twins[self.seeds[row]]] if self._twins else None

    def _weigh(self, row: int, ends: Mapping[int, JudgedEpisode]) -> Ending:
        """Say what the end of an episode is paid, and what is taken off."""
        end = ends[row]
        baseline = 0.0
        if self._config.baseline == Baseline.TWIN:
            assert end.host_score is not None, "a twin was trained"
            baseline = end.host_score
        elif self._config.baseline == Baseline.GROUP:
            baseline = self._score_others(row, ends)
        return Ending(score=end.score, baseline=baseline, diverged=end.diverged)

    def _score_others(self, row: int, ends: Mapping[int, JudgedEpisode]) -> float:
        """Return the mean score of the others in the group, as they stand if they go on.

        Without others, which all have diverged before, it is the host's own score then.
        """
        seed = self.seeds[row]
        scores = [
            ends[other].score
            if other in ends
            else score_committed(self._task, self._latest[self._places[other]])
            for other in self.seeds
            if self.seeds[other] == seed and other != row
        ]
        return fmean(scores) if scores else ends[row].score


def _has_diverged(result: StepResult) -> bool:
    return result.measured.rolled_back is not None


def _list_committed(result: StepResult) -> tuple[int, ...]:
    """Return the blueprint of the fossil in each slot, 0 for none."""
    return tuple(
        int(slot.seed.blueprint)
        if slot.stage == SeedStage.FOSSILIZED and slot.seed is not None
        else 0
        for slot in result.host.slots
    )
