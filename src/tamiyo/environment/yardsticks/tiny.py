"""The tiny surrogate: real lifecycle, masks and observations, small enough to be solved exactly."""

from __future__ import annotations

from tamiyo.contracts import Blueprint, LifecycleConfig
from tamiyo.environment.surrogate.config import SurrogateConfig
from tamiyo.environment.surrogate.needs import TINY_NEEDS
from tamiyo.environment.surrogate.single_env import SurrogateEnv
from tamiyo.environment.surrogate.vector_env import SurrogateVectorEnv

__all__ = ["build_tiny_config", "make_tiny", "make_tiny_vector"]


def build_tiny_config() -> SurrogateConfig:
    """Build the family of the tiny surrogate.

    It has one slot and three needs. The curves of a host show one of them; the other two look alike
    until a seed has shown whether it is the right one, and time is left to replace it once.
    """
    return SurrogateConfig(
        slots=1,
        max_epochs=12,
        closing_epochs=2,
        rent_points=10.0,
        needs=TINY_NEEDS,
        blueprints=(Blueprint.CONV_SMALL, Blueprint.DEPTHWISE, Blueprint.NORM),
        noise_points=0.0,
        variation=0.0,
        lifecycle=LifecycleConfig(
            ramp=False, min_fossilize_contribution=0.0, embargo_epochs_after_prune=1
        ),
    )


def make_tiny() -> SurrogateEnv:
    """Make one environment of the tiny surrogate."""
    return SurrogateEnv(build_tiny_config())


def make_tiny_vector(num_envs: int = 1) -> SurrogateVectorEnv:
    """Make environments of the tiny surrogate in lockstep."""
    return SurrogateVectorEnv(num_envs, build_tiny_config())
