"""Why one decision was made, and what followed, from the events alone."""

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

__all__ = [
    "Course",
    "EpochAfter",
    "Explanation",
    "HeadChoice",
    "SlotOptions",
    "explain_decision",
    "find_course",
    "find_host_events",
    "read_courses",
]
