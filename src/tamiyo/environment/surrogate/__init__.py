"""Synthetic hosts with the real lifecycle: many episodes per second, and a known optimum."""

from __future__ import annotations

from tamiyo.environment.surrogate.config import RewardKind, SurrogateConfig
from tamiyo.environment.surrogate.reports import (
    EpisodeOutcomes,
    build_host_report,
    build_signals,
    play_controllers,
    play_episode,
)
from tamiyo.environment.surrogate.single_env import SurrogateEnv
from tamiyo.environment.surrogate.vector_env import SurrogateVectorEnv

__all__ = [
    "EpisodeOutcomes",
    "RewardKind",
    "SurrogateConfig",
    "SurrogateEnv",
    "SurrogateVectorEnv",
    "build_host_report",
    "build_signals",
    "play_controllers",
    "play_episode",
]
