"""Decide what to do next: what is known after an epoch, and the controllers that act on it."""

from __future__ import annotations

from tamiyo.controller.heuristic import (
    Heuristic,
    HeuristicConfig,
    SlotOrder,
)
from tamiyo.controller.protocol import (
    Controller,
    is_legal,
)
from tamiyo.controller.random_legal import (
    RandomLegal,
)
from tamiyo.controller.registry import (
    CONTROLLERS,
    SCHEDULE_PREFIX,
    WAIT_ONLY,
    ControllerConfig,
    build_controller,
)
from tamiyo.controller.schedule import (
    Schedule,
    ScheduleController,
    ScriptedDecision,
    SeedPlan,
    check_schedule,
)
from tamiyo.controller.schedule_file import (
    load_schedule,
)
from tamiyo.controller.tracker import (
    MEDIAN_BEND,
    SignalTracker,
    TrackerConfig,
)
from tamiyo.controller.wait import (
    WaitOnly,
)

__all__ = [
    "CONTROLLERS",
    "MEDIAN_BEND",
    "SCHEDULE_PREFIX",
    "WAIT_ONLY",
    "Controller",
    "ControllerConfig",
    "Heuristic",
    "HeuristicConfig",
    "RandomLegal",
    "Schedule",
    "ScheduleController",
    "ScriptedDecision",
    "SeedPlan",
    "SignalTracker",
    "SlotOrder",
    "TrackerConfig",
    "WaitOnly",
    "build_controller",
    "check_schedule",
    "is_legal",
    "load_schedule",
]
