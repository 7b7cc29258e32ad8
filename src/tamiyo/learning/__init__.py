"""Improves a controller: rollouts, advantages and updates; knows no host."""

from __future__ import annotations

from tamiyo.learning.buffer import Rollout, TamiyoRolloutBuffer
from tamiyo.learning.checkpoint import (
    Checkpoint,
    LearnedPolicy,
    encode_policy,
    load_policy,
)
from tamiyo.learning.collecting import fit_policy, play_episodes
from tamiyo.learning.diagnostics import UpdateParts
from tamiyo.learning.gae import compute_gae
from tamiyo.learning.head_advantages import ClipMode
from tamiyo.learning.normalizers import (
    Normalization,
    ObservationNormalizer,
    RewardNormalizer,
    ValueNormalizer,
)
from tamiyo.learning.ppo import PPO, PPOConfig
from tamiyo.learning.specs import Specs, check_specs
from tamiyo.learning.trainer import DEFAULT_ROLLOUT_STEPS, Trainer, TrainerConfig
from tamiyo.learning.watching import Alarm, PhaseClock, find_alarms

__all__ = [
    "DEFAULT_ROLLOUT_STEPS",
    "PPO",
    "Alarm",
    "Checkpoint",
    "ClipMode",
    "LearnedPolicy",
    "Normalization",
    "ObservationNormalizer",
    "PPOConfig",
    "PhaseClock",
    "RewardNormalizer",
    "Rollout",
    "Specs",
    "TamiyoRolloutBuffer",
    "Trainer",
    "TrainerConfig",
    "UpdateParts",
    "ValueNormalizer",
    "check_specs",
    "compute_gae",
    "encode_policy",
    "find_alarms",
    "fit_policy",
    "load_policy",
    "play_episodes",
]
