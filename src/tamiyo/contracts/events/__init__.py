"""One frozen record per thing that happened."""

from __future__ import annotations

from tamiyo.contracts.events.decisions import (
    DecisionEvidence,
    DecisionMade,
    FieldMove,
    RewardPaid,
)
from tamiyo.contracts.events.event import (
    EVENT_SCHEMA,
    Event,
    EventSink,
    LearningEvent,
    NullSink,
    encode_event,
)
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
    AlarmKind,
    AlarmRaised,
    CheckpointWritten,
    PhasesTimed,
    TrainingFinished,
    TrainingStarted,
    UpdateCompleted,
)

__all__ = [
    "EVENT_SCHEMA",
    "AlarmKind",
    "AlarmRaised",
    "CheckpointWritten",
    "DecisionEvidence",
    "DecisionMade",
    "EpisodeFinished",
    "EpisodeStarted",
    "EpochCompleted",
    "Event",
    "EventSink",
    "EventsDropped",
    "FieldMove",
    "GateEvaluated",
    "GovernorRolledBack",
    "LearningEvent",
    "NullSink",
    "PhasesTimed",
    "RewardPaid",
    "RunFinished",
    "RunStarted",
    "SeedFossilized",
    "SeedGerminated",
    "SeedPruned",
    "StageChanged",
    "TamiyoInitiated",
    "TrainingFinished",
    "TrainingStarted",
    "TwinTrained",
    "UpdateCompleted",
    "encode_event",
]
