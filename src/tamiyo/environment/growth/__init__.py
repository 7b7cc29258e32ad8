"""What environments of growth have in common, whether their hosts are real or synthetic."""

from __future__ import annotations

from tamiyo.environment.growth.single_env import GrowthEnv
from tamiyo.environment.growth.vector_env import GrowthVectorEnv

__all__ = ["GrowthEnv", "GrowthVectorEnv"]
