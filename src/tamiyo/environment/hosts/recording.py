"""EpisodeRecorder: what episodes come to, and the story of some, whatever trains them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tamiyo.contracts import (
    DecisionEvidence,
    DecisionMade,
    EpisodeFinished,
    EpisodeStarted,
    Head,
    RewardPaid,
    TamiyoInitiated,
    list_legal_ops,
)
from tamiyo.environment.hosts.metrics import EpisodeMetrics
from tamiyo.observation import MoveTracker

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tamiyo.contracts import Event, EventSink, TaskConfig
    from tamiyo.environment.hosts.cohort import EpisodeEnd, StepOutcome
    from tamiyo.environment.hosts.course import HostCourse
    from tamiyo.observation import ObservationLayout

__all__ = ["EpisodeRecorder"]


class EpisodeRecorder:
    """Sums up all episodes and tells those of the first environments, one by one in every step.

    An episode is announced with its first step, so that one that was begun and never played leaves
    nothing. What a learner lets it hear of a decision becomes part of that decision's evidence.

    Args:
        sink: Where events go.
        rows: The environments, from 0 on.
        task: Ranges and epochs of the episodes.
        layout: Fields of the observations.
        slot_ids: Slots of every host.

    Attributes:
        rows: As given.
        metrics: What episodes came to since it was reset.
    """

    def __init__(
        self,
        sink: EventSink,
        rows: range,
        *,
        task: TaskConfig,
        layout: ObservationLayout,
        slot_ids: Sequence[str],
    ) -> None:
        self.rows = rows
        self.metrics = EpisodeMetrics()
        self._sink = sink
        self._task = task
        self._moves = {row: MoveTracker(layout, slot_ids) for row in rows}
        self._heard: dict[int, tuple[dict[Head, Mapping[str, float]], float]] = {}
        self._evidence: dict[int, DecisionEvidence] = {}
        self._epochs: dict[int, int] = {}
        self._numbers: dict[int, int] = {}

    def hear(
        self, row: int, probabilities: Mapping[str, Mapping[str, float]], value: float
    ) -> None:
        """Take in what a policy thought of the decision that comes next.

        Args:
            row: The environment.
            probabilities: Head to its legal choices with their probabilities, given the choices of
                the heads before it; only heads that the op uses.
            value: Discounted reward it expects from here on, points.
        """
        heads: dict[Head, Mapping[str, float]] = {
            Head(name): choices for name, choices in probabilities.items()
        }
        self._heard[row] = heads, value

    def begin_step(
        self,
        courses: Sequence[HostCourse | None],
        seeds: Mapping[int, int],
        numbers: NDArray[np.int64],
        shown: tuple[NDArray[np.float32], NDArray[np.bool_]],
    ) -> None:
        """Note what is known before a step, and announce the episodes that begin with it.

        Args:
            courses: Course of each environment.
            seeds: Environment to the seed of its episode.
            numbers: Number of each environment's episode, ``[N]``.
            shown: Observations, ``[N, F]``, and which of their values are not measured.
        """
        for row in self.rows:
            course = courses[row]
            assert course is not None, "an episode is under way in every environment"
            start = course.latest
            self._epochs[row], self._numbers[row] = start.host.epoch, int(numbers[row])
            if start.measured.epoch == 0:
                self._moves[row].forget()
                self._sink.emit(
                    EpisodeStarted(
                        environment=row,
                        episode=self._numbers[row],
                        seed=seeds[row],
                        task=self._task.name,
                        metric=self._task.metric,
                        epochs=self._task.max_epochs,
                        host=start.host,
                        initial=start.measured,
                    )
                )
            probabilities, value = self._heard.pop(row, ({}, None))
            self._evidence[row] = DecisionEvidence(
                legal_ops=list_legal_ops(start.host),
                probabilities=probabilities,
                value=value,
                moved=self._moves[row].take(shown[0][row], shown[1][row]),
            )

    def finish_step(
        self,
        courses: Sequence[HostCourse | None],
        events: Sequence[Event],
        outcomes: Mapping[int, StepOutcome],
    ) -> None:
        """Tell what a step brought, and add it up.

        Args:
            courses: Course of each environment, after the step.
            events: What the hosts told; those of other environments are ignored.
            outcomes: Environment to what the step gave it.
        """
        self.metrics.take(
            np.array([list(vars(outcome.parts).values()) for outcome in outcomes.values()]),
            [outcome.end for outcome in outcomes.values() if outcome.end is not None],
        )
        for row in self.rows:
            course = courses[row]
            assert course is not None, "an episode is under way in every environment"
            for event in self._describe_step(row, course, events, outcomes[row]):
                self._sink.emit(event)

    def reset_metrics(self) -> None:
        """Begin to add up anew."""
        self.metrics = EpisodeMetrics()

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return what was added up, and what the next decisions' observations are compared with."""
        last = [self._moves[row].last for row in self.rows]
        return self.metrics.state_dict() | ({"recorded": np.stack(last)} if last else {})

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on where another one of the same environments stood.

        Args:
            state: What holds the arrays of its :meth:`state_dict`.
        """
        self.metrics.load_state_dict(state)
        for row in self.rows:
            self._moves[row].last = state["recorded"][row].copy()

    def _describe_step(
        self, row: int, course: HostCourse, events: Sequence[Event], outcome: StepOutcome
    ) -> Iterator[Event]:
        for event in events:
            if isinstance(event, DecisionMade) and event.environment == row:
                yield replace(event, evidence=self._evidence[row])
            elif getattr(event, "environment", None) == row:
                yield event
        if course.just_stabilized:
            yield TamiyoInitiated(environment=row, epoch=self._epochs[row])
        yield RewardPaid(environment=row, epoch=self._epochs[row], parts=outcome.parts)
        if outcome.end is not None:
            yield self._describe_end(row, course, outcome.end)

    def _describe_end(self, row: int, course: HostCourse, end: EpisodeEnd) -> EpisodeFinished:
        return EpisodeFinished(
            environment=row,
            episode=self._numbers[row],
            episode_return=course.episode_return,
            score=end.score,
            host_score=end.host_score,
            host_parameters=course.latest.host.host_parameters,
            parameters=end.parameters,
            diverged=end.diverged,
            is_thrashing=end.is_thrashing,
            counters=end.counters,
        )
