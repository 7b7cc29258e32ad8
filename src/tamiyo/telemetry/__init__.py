"""What is kept of a run: sinks that take events, a reader of their log, and a run's summary."""

from __future__ import annotations

from tamiyo.telemetry.explaining.course import (
    Course,
    find_course,
    find_host_events,
    read_courses,
)
from tamiyo.telemetry.explaining.explanation import (
    EpochAfter,
    Explanation,
    HeadChoice,
    SlotOptions,
    explain_decision,
)
from tamiyo.telemetry.exporting import EXPORTS, ClosableSink, Exports, QueuedSink
from tamiyo.telemetry.following import DamagedLine, EventFollower
from tamiyo.telemetry.lines import parse_line
from tamiyo.telemetry.live import (
    LiveAlarm,
    LiveCurve,
    LiveDecision,
    LiveEnvironment,
    LiveEpisodeEnd,
    LiveFold,
    LiveFollower,
    LiveLearning,
    LiveRates,
    LiveSlot,
    LiveState,
)
from tamiyo.telemetry.numbers import replace_non_finite
from tamiyo.telemetry.reading import EventLog, read_events
from tamiyo.telemetry.records import (
    DecisionRow,
    EpochPoint,
    FossilRow,
    GerminationRow,
    PrunedRow,
    RollbackRow,
    RunOutcome,
    RunSummary,
    SlotSpan,
    TwinOutcome,
)
from tamiyo.telemetry.scanning import EventScan
from tamiyo.telemetry.sinks import LOG_NAME, FanOutSink, JsonlSink, MemorySink
from tamiyo.telemetry.story import (
    EpisodeRow,
    HostPoint,
    HostStory,
    LearningStory,
    RunStory,
    StageSpan,
    StoryAlarm,
    StoryDecision,
    StoryEnd,
    StoryMark,
    tell_run,
)
from tamiyo.telemetry.summary import summarize_run
from tamiyo.telemetry.tables.database import EventDatabase, QueryResult, TableContent
from tamiyo.telemetry.training import TrainingSummary, summarize_training

__all__ = [
    "EXPORTS",
    "LOG_NAME",
    "ClosableSink",
    "Course",
    "DamagedLine",
    "DecisionRow",
    "EpisodeRow",
    "EpochAfter",
    "EpochPoint",
    "EventDatabase",
    "EventFollower",
    "EventLog",
    "EventScan",
    "Explanation",
    "Exports",
    "FanOutSink",
    "FossilRow",
    "GerminationRow",
    "HeadChoice",
    "HostPoint",
    "HostStory",
    "JsonlSink",
    "LearningStory",
    "LiveAlarm",
    "LiveCurve",
    "LiveDecision",
    "LiveEnvironment",
    "LiveEpisodeEnd",
    "LiveFold",
    "LiveFollower",
    "LiveLearning",
    "LiveRates",
    "LiveSlot",
    "LiveState",
    "MemorySink",
    "PrunedRow",
    "QueryResult",
    "QueuedSink",
    "RollbackRow",
    "RunOutcome",
    "RunStory",
    "RunSummary",
    "SlotOptions",
    "SlotSpan",
    "StageSpan",
    "StoryAlarm",
    "StoryDecision",
    "StoryEnd",
    "StoryMark",
    "TableContent",
    "TrainingSummary",
    "TwinOutcome",
    "explain_decision",
    "find_course",
    "find_host_events",
    "parse_line",
    "read_courses",
    "read_events",
    "replace_non_finite",
    "summarize_run",
    "summarize_training",
    "tell_run",
]
