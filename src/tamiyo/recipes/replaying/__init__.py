"""Rebuild a run from its event log, without the controller that decided."""

from __future__ import annotations

from tamiyo.recipes.replaying.comparing import Difference, EventComparison, compare_events
from tamiyo.recipes.replaying.recorded import RecordedController, RecordedRun, read_recorded_run
from tamiyo.recipes.replaying.replay import ReplayResult, replay_run

__all__ = [
    "Difference",
    "EventComparison",
    "RecordedController",
    "RecordedRun",
    "ReplayResult",
    "compare_events",
    "read_recorded_run",
    "replay_run",
]
