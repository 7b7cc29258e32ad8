"""HostCourse: what happened to one host, step by step, as checks go through it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from tamiyo.contracts import (
    DecisionMade,
    EpisodeFinished,
    EpisodeStarted,
    EpochCompleted,
    EpochReport,
    Event,
    HostReport,
    RewardPaid,
    RewardParts,
    RunFinished,
    RunStarted,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.telemetry import Course

__all__ = ["HostCourse", "HostStep", "build_course"]

_Kind = TypeVar("_Kind")


@dataclass(frozen=True, kw_only=True)
class HostStep:
    """One epoch of one host.

    Attributes:
        epoch: The epoch, counted from 1.
        before: The host when it was decided, with the tables of what blueprints would add.
        decision: What was decided; ``None`` in the closing epochs.
        changes: Events of growth in it, in order.
        after: The host after it, likewise.
        measured: What it measured.
        parts: What it was paid; ``None`` where nothing is paid.
    """

    epoch: int
    before: HostReport
    decision: DecisionMade | None
    changes: tuple[Event, ...]
    after: HostReport
    measured: EpochReport
    parts: RewardParts | None

    def pick(self, kind: type[_Kind]) -> list[_Kind]:
        """Return its events of one kind."""
        return [event for event in self.changes if isinstance(event, kind)]


@dataclass(frozen=True, kw_only=True)
class HostCourse:
    """One host from its first epoch on.

    Attributes:
        start: How it began.
        steps: Its epochs, in order.
        end: How it ended; ``None`` if the record stops before.
    """

    start: RunStarted | EpisodeStarted
    steps: tuple[HostStep, ...]
    end: RunFinished | EpisodeFinished | None

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        if isinstance(self.start, EpisodeStarted):
            return f"environment {self.start.environment} episode {self.start.episode}"
        return f"run of seed {self.start.seed}"

    @property
    def paid(self) -> list[RewardParts]:
        """What its steps were paid, where that is recorded."""
        return [step.parts for step in self.steps if step.parts is not None]

    def locate(self, step: HostStep, slot_id: str | None = None) -> str:
        """Name a place in it."""
        return f"{self.name} epoch {step.epoch}" + (f" slot {slot_id}" if slot_id else "")


def build_course(course: Course) -> HostCourse:
    """Sort the events of one host into its epochs.

    An event of growth belongs to the epoch whose end comes next; what a step is paid is told after
    the closing epochs, and belongs to the decision's.

    Args:
        course: The events.
    """
    decisions = {event.epoch: event for event in _pick(course, DecisionMade)}
    paid = {event.epoch: event.parts for event in _pick(course, RewardPaid)}
    before, changes, steps = course.start.host, list[Event](), list[HostStep]()
    for event in course.events:
        if isinstance(event, EpochCompleted):
            epoch, after = event.measured.epoch, _attach_tables(event.host, course.start.host)
            steps.append(
                HostStep(
                    epoch=epoch,
                    before=before,
                    decision=decisions.get(epoch),
                    changes=tuple(changes),
                    after=after,
                    measured=event.measured,
                    parts=paid.get(epoch),
                )
            )
            before, changes = after, []
        elif not isinstance(event, DecisionMade | RewardPaid):
            changes.append(event)
    ends: list[RunFinished | EpisodeFinished] = [
        *_pick(course, RunFinished),
        *_pick(course, EpisodeFinished),
    ]
    return HostCourse(
        start=course.start,
        steps=tuple(steps),
        end=ends[0] if ends else None,
    )


def _pick(course: Course, kind: type[_Kind]) -> Iterator[_Kind]:
    return (event for event in course.events if isinstance(event, kind))


def _attach_tables(host: HostReport, start: HostReport) -> HostReport:
    """Give a recorded host the tables that never change and are recorded once."""
    slots = tuple(
        replace(slot, blueprint_parameters=start.slot(slot.slot_id).blueprint_parameters)
        for slot in host.slots
    )
    return replace(host, slots=slots)
