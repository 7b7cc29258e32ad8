"""What happened in a run, told from its event log alone."""

from __future__ import annotations

from tamiyo.telemetry.story.records import (
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
)
from tamiyo.telemetry.story.telling import tell_run

__all__ = [
    "EpisodeRow",
    "HostPoint",
    "HostStory",
    "LearningStory",
    "RunStory",
    "StageSpan",
    "StoryAlarm",
    "StoryDecision",
    "StoryEnd",
    "StoryMark",
    "tell_run",
]
