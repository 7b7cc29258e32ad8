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
from tamiyo.recipes.episode import Episode, EpisodeResult, compute_score
from tamiyo.recipes.evaluate import Evaluation, evaluate_network
from tamiyo.recipes.grow import GrowResult, grow_network, load_network
from tamiyo.recipes.run_folder import RunFolder
from tamiyo.recipes.statistics import Interval, compute_interquartile_mean, compute_paired_interval
from tamiyo.recipes.stopping import StopRequest

__all__ = [
    "Comparison",
    "Episode",
    "EpisodeResult",
    "Evaluation",
    "GrowResult",
    "Interval",
    "RunConfig",
    "RunFolder",
    "SeedResults",
    "StopRequest",
    "build_effective_task",
    "compare_controllers",
    "compare_runs",
    "compute_interquartile_mean",
    "compute_paired_interval",
    "compute_score",
    "encode_config",
    "evaluate_network",
    "grow_network",
    "hash_config",
    "is_debugging",
    "load_network",
    "run_seed",
]
