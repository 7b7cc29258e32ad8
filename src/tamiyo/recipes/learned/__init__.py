"""Controllers that learn: train one, go on training it, judge it."""

from __future__ import annotations

from tamiyo.recipes.learned.config import (
    TrainConfig,
    build_env,
    count_rollout_steps,
    find_surrogate,
)
from tamiyo.recipes.learned.evaluate import (
    LEARNED,
    evaluate_controller,
    evaluate_policy,
    play_baselines,
)
from tamiyo.recipes.learned.train import (
    TrainResult,
    load_training,
    resume_training,
    train_controller,
)

__all__ = [
    "LEARNED",
    "TrainConfig",
    "TrainResult",
    "build_env",
    "count_rollout_steps",
    "evaluate_controller",
    "evaluate_policy",
    "find_surrogate",
    "load_training",
    "play_baselines",
    "resume_training",
    "train_controller",
]
