"""What a controller is paid: parts as pure functions, and a meter that follows an episode."""

from __future__ import annotations

from tamiyo.rewards.config import RewardConfig, RewardPreset
from tamiyo.rewards.credit import (
    compute_attribution_potential,
    compute_credits,
    compute_net_gain,
)
from tamiyo.rewards.hindsight import ScaffoldLedger
from tamiyo.rewards.meter import Ending, PaidStep, RewardMeter
from tamiyo.rewards.parts import (
    compute_intervention_cost,
    compute_rent,
    compute_shock,
    compute_stage_potential,
    compute_synergy,
)

__all__ = [
    "Ending",
    "PaidStep",
    "RewardConfig",
    "RewardMeter",
    "RewardPreset",
    "ScaffoldLedger",
    "compute_attribution_potential",
    "compute_credits",
    "compute_intervention_cost",
    "compute_net_gain",
    "compute_rent",
    "compute_shock",
    "compute_stage_potential",
    "compute_synergy",
]
