"""Any event, the sink it goes to, and its plain form.

An event never carries a time: the sink that writes it adds one, so that two equal runs write equal
events. Only :class:`~tamiyo.contracts.events.training.PhasesTimed` is about time.
"""

from __future__ import annotations

from typing import Final, Protocol

from tamiyo.contracts.encoding import encode_record
from tamiyo.contracts.events.decisions import DecisionMade, RewardPaid
from tamiyo.contracts.events.growth import (
    EpochCompleted,
    GateEvaluated,
    GovernorRolledBack,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    StageChanged,
    TamiyoInitiated,
)
from tamiyo.contracts.events.runs import (
    EpisodeFinished,
    EpisodeStarted,
    EventsDropped,
    RunFinished,
    RunStarted,
    TwinTrained,
)
from tamiyo.contracts.events.training import (
    AlarmRaised,
    CheckpointWritten,
    PhasesTimed,
    TrainingFinished,
    TrainingStarted,
    UpdateCompleted,
)

__all__ = ["EVENT_SCHEMA", "Event", "EventSink", "LearningEvent", "NullSink", "encode_event"]

EVENT_SCHEMA: Final = 3
"""Version of the event records; raised when a field changes its meaning."""

LearningEvent = (
    TrainingStarted
    | UpdateCompleted
    | AlarmRaised
    | CheckpointWritten
    | PhasesTimed
    | TrainingFinished
)
"""What happens while a controller is trained.

Every other one is of one environment, but for :class:`EventsDropped`.
"""

Event = (
    RunStarted
    | EpisodeStarted
    | DecisionMade
    | SeedGerminated
    | StageChanged
    | GateEvaluated
    | SeedFossilized
    | SeedPruned
    | TamiyoInitiated
    | GovernorRolledBack
    | EpochCompleted
    | RewardPaid
    | EpisodeFinished
    | RunFinished
    | TwinTrained
    | EventsDropped
    | LearningEvent
)


class EventSink(Protocol):
    """Where events go; every producer is given one."""

    def emit(self, event: Event) -> None:
        """Take one event."""


class NullSink:
    """The sink that drops everything."""

    def emit(self, event: Event) -> None:
        """Drop the event."""


def encode_event(event: Event) -> dict[str, object]:
    """Turn an event into plain JSON values.

    Enums become their names, records objects, tuples lists; ``event`` holds the type's name.

    Args:
        event: Any event record.

    Returns:
        A dictionary that ``json.dumps`` accepts, the same for equal events.
    """
    return {"event": type(event).__name__, **encode_record(event)}
