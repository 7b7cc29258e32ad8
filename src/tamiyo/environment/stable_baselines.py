"""Environments in lockstep for the algorithms of stable-baselines3 and sb3-contrib.

Only comparisons need that library, so nothing of it is loaded before it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from tamiyo.contracts import ConfigError

if TYPE_CHECKING:
    from gymnasium.vector import VectorEnv
    from stable_baselines3.common.vec_env import VecEnv

__all__ = ["as_stable_baselines"]


def as_stable_baselines(env: VectorEnv[Any, Any, Any]) -> VecEnv:
    """Show environments in lockstep the way stable-baselines3 expects them.

    They go on stepping together, in arrays; nothing is looped over but the ``info`` of each.

    MaskablePPO finds the marginal masks. Its heads are chosen independently of each other, so a
    combination of choices that are legal one by one can still be illegal: the environment then
    executes WAIT. RecurrentPPO knows no masks at all, and more of its actions end so.

    Args:
        env: The environments; an episode that ends begins anew in the same step.

    Raises:
        ConfigError: If stable-baselines3 is not installed, or ``env`` has another autoreset mode.
    """
    if find_spec("stable_baselines3") is None:
        message = (
            "this adapter needs stable-baselines3, got none: pip install 'sb3-contrib>=2.9,<3'"
        )
        raise ConfigError(message)
    adapters = import_module("tamiyo.environment.lockstep_vec_env")  # it loads torch
    return cast("VecEnv", adapters.LockstepVecEnv(env))
