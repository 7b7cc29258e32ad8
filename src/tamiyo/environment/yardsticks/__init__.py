"""What could be done on the surrogate: bounds, optima, and the best of simpler controllers."""

from __future__ import annotations

from tamiyo.environment.yardsticks.clairvoyant import (
    ClairvoyantPlan,
    check_boundable,
    compute_clairvoyant,
)
from tamiyo.environment.yardsticks.heuristic_search import search_heuristic
from tamiyo.environment.yardsticks.planning import Plan, solve
from tamiyo.environment.yardsticks.schedule_search import play_schedules, search_schedule
from tamiyo.environment.yardsticks.schedules import (
    SchedulePlans,
    decide_by_schedule,
    to_schedule,
)
from tamiyo.environment.yardsticks.tiny import build_tiny_config

__all__ = [
    "ClairvoyantPlan",
    "Plan",
    "SchedulePlans",
    "build_tiny_config",
    "check_boundable",
    "compute_clairvoyant",
    "decide_by_schedule",
    "play_schedules",
    "search_heuristic",
    "search_schedule",
    "solve",
    "to_schedule",
]
