"""Synthetic hosts that are like those of digits-cnn: a cheap school for their controllers."""

from __future__ import annotations

from tamiyo.environment.surrogate.config import SurrogateConfig
from tamiyo.environment.surrogate.needs import HOST_NEEDS
from tamiyo.environment.surrogate.single_env import SurrogateEnv
from tamiyo.environment.surrogate.vector_env import SurrogateVectorEnv

__all__ = ["build_digits_config", "make_digits", "make_digits_vector"]


def build_digits_config() -> SurrogateConfig:
    """Build the family of synthetic hosts that are like those of digits-cnn.

    Epochs, rent and the size of the host are the task's; curves, worths of seeds and noise are what
    was measured on the hosts that its controllers are trained on.
    """
    return SurrogateConfig(
        max_epochs=60,
        closing_epochs=10,
        rent_points=2.0,
        host_parameters=156,
        needs=(*HOST_NEEDS, "nothing"),
        noise_points=1.0,
        variation=1.0,
        intervention_points=0.1,
    )


def make_digits() -> SurrogateEnv:
    """Make one environment of synthetic hosts that are like those of digits-cnn."""
    return SurrogateEnv(build_digits_config())


def make_digits_vector(num_envs: int = 1) -> SurrogateVectorEnv:
    """Make such environments in lockstep."""
    return SurrogateVectorEnv(num_envs, build_digits_config())
