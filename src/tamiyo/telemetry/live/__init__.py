"""What there is to see of a run while it goes on, made from its events alone."""

from __future__ import annotations

from tamiyo.telemetry.live.fold import LiveFold
from tamiyo.telemetry.live.following import LiveFollower
from tamiyo.telemetry.live.state import (
    LiveAlarm,
    LiveCurve,
    LiveDecision,
    LiveEnvironment,
    LiveEpisodeEnd,
    LiveLearning,
    LiveRates,
    LiveSlot,
    LiveState,
)

__all__ = [
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
]
