"""Real hosts as an environment: one step is one decision and one epoch of training."""

from __future__ import annotations

from tamiyo.environment.hosts.config import Baseline, HostEnvConfig
from tamiyo.environment.hosts.single_env import HostEnv
from tamiyo.environment.hosts.vector_env import HostVectorEnv

__all__ = ["Baseline", "HostEnv", "HostEnvConfig", "HostVectorEnv"]
