"""Whole runs: the only place where the rooms are wired together."""

from __future__ import annotations

from tamiyo.recipes.comparison import (
    Comparison,
    OnProgress,
    SeedResults,
    compare_controllers,
    compare_runs,
    run_seeds,
)
from tamiyo.recipes.comparison.statistics import (
    Interval,
    compute_interquartile_mean,
    compute_paired_interval,
)
from tamiyo.recipes.config import (
    RunConfig,
    build_effective_task,
    encode_config,
    hash_config,
    is_debugging,
)
from tamiyo.recipes.episode import (
    Episode,
    EpisodeOutcome,
    EpisodeResult,
    build_task_episode,
)
from tamiyo.recipes.evaluate import Evaluation, evaluate_network
from tamiyo.recipes.grow_task import TaskResult, grow_task
from tamiyo.recipes.learned import (
    LEARNED,
    TrainConfig,
    TrainResult,
    build_env,
    count_rollout_steps,
    evaluate_controller,
    evaluate_policy,
    find_surrogate,
    load_training,
    play_baselines,
    resume_training,
    train_controller,
)
from tamiyo.recipes.learned_controller import (
    LearnedController,
    build_run_controller,
    export_policy,
)
from tamiyo.recipes.load import load_network
from tamiyo.recipes.lockstep import EngineUse, Lockstep, build_task_lockstep
from tamiyo.recipes.own import GrowResult, GrowSettings, grow
from tamiyo.recipes.replaying import (
    RecordedController,
    ReplayResult,
    read_recorded_run,
    replay_run,
)
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.recipes.stopping import StopRequest

__all__ = [
    "LEARNED",
    "Comparison",
    "EngineUse",
    "Episode",
    "EpisodeOutcome",
    "EpisodeResult",
    "Evaluation",
    "GrowResult",
    "GrowSettings",
    "Interval",
    "LearnedController",
    "Lockstep",
    "OnProgress",
    "RecordedController",
    "ReplayResult",
    "RunConfig",
    "RunFolder",
    "SeedResults",
    "StopRequest",
    "TaskResult",
    "TrainConfig",
    "TrainResult",
    "build_effective_task",
    "build_env",
    "build_run_controller",
    "build_task_episode",
    "build_task_lockstep",
    "compare_controllers",
    "compare_runs",
    "compute_interquartile_mean",
    "compute_paired_interval",
    "count_rollout_steps",
    "encode_config",
    "evaluate_controller",
    "evaluate_network",
    "evaluate_policy",
    "export_policy",
    "find_surrogate",
    "grow",
    "grow_task",
    "hash_config",
    "is_debugging",
    "load_network",
    "load_training",
    "play_baselines",
    "read_recorded_run",
    "replay_run",
    "resume_training",
    "run_seeds",
    "train_controller",
]
