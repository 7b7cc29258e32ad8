"""Whole runs: the only place where the rooms are wired together."""

from __future__ import annotations

from tamiyo.recipes.compare import (
    Comparison,
    SeedResults,
    compare_controllers,
    compare_runs,
    run_seed,
)
from tamiyo.recipes.config import (
    RunConfig,
    build_effective_task,
    encode_config,
    hash_config,
    is_debugging,
)
from tamiyo.recipes.episode import Episode, EpisodeResult, build_task_episode, compute_score
from tamiyo.recipes.evaluate import Evaluation, evaluate_network
from tamiyo.recipes.grow_task import TaskResult, grow_task
from tamiyo.recipes.learned import (
    LEARNED,
    TrainConfig,
    TrainResult,
    build_env,
    evaluate_controller,
    evaluate_policy,
    load_training,
    play_baselines,
    resume_training,
    train_controller,
)
from tamiyo.recipes.load import load_network
from tamiyo.recipes.own import GrowResult, GrowSettings, grow
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.recipes.statistics import Interval, compute_interquartile_mean, compute_paired_interval
from tamiyo.recipes.stopping import StopRequest

__all__ = [
    "LEARNED",
    "Comparison",
    "Episode",
    "EpisodeResult",
    "Evaluation",
    "GrowResult",
    "GrowSettings",
    "Interval",
    "RunConfig",
    "RunFolder",
    "SeedResults",
    "StopRequest",
    "TaskResult",
    "TrainConfig",
    "TrainResult",
    "build_effective_task",
    "build_env",
    "build_task_episode",
    "compare_controllers",
    "compare_runs",
    "compute_interquartile_mean",
    "compute_paired_interval",
    "compute_score",
    "encode_config",
    "evaluate_controller",
    "evaluate_network",
    "evaluate_policy",
    "grow",
    "grow_task",
    "hash_config",
    "is_debugging",
    "load_network",
    "load_training",
    "play_baselines",
    "resume_training",
    "run_seed",
    "train_controller",
]
