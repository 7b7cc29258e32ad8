"""Observations that carry their masks, for libraries that look for them there.

RLlib and Sample Factory expect a dictionary with ``action_mask`` beside the observation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeAlias

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Dict, MultiBinary
from gymnasium.spaces.utils import flatdim
from gymnasium.vector import VectorEnv, VectorWrapper
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DictObservation", "VectorDictObservation"]

_MASK: Final = "action_mask"
_OBSERVATION: Final = "observation"
_Observation: TypeAlias = dict[str, NDArray[Any]]


class DictObservation(gymnasium.Wrapper[_Observation, Any, Any, Any]):
    """Shows one environment's observation as ``{"observation", "action_mask"}``.

    The mask is the marginal one, ``[sum(nvec)]``, int8; ``info`` stays as it is.

    Args:
        env: An environment whose ``info`` holds ``action_mask``.
    """

    def __init__(self, env: gymnasium.Env[Any, Any]) -> None:
        super().__init__(env)
        space: Any = _build_space(env.observation_space, env.action_space)
        self.observation_space = space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[_Observation, dict[str, Any]]:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return _join(observation, info), info

    def step(self, action: Any) -> tuple[_Observation, Any, bool, bool, dict[str, Any]]:  # noqa: ANN401  # Gymnasium's own signature
        """Take a step."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return _join(observation, info), reward, terminated, truncated, info


class VectorDictObservation(VectorWrapper[_Observation, Any, Any]):
    """Does the same for environments in lockstep; arrays have the environment as axis 0.

    Args:
        env: Environments whose ``info`` holds ``action_mask``. What they show in ``final_obs`` at
            the end of an episode stays as it is, its mask stands in ``final_info``.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        super().__init__(env)
        space = _build_space(env.single_observation_space, env.single_action_space)
        self.single_observation_space = space
        self.observation_space = batch_space(space, env.num_envs)

    def reset(
        self,
        *,
        seed: Any = None,  # noqa: ANN401  # Gymnasium's stubs disagree with its wrappers
        options: dict[str, Any] | None = None,
    ) -> tuple[_Observation, dict[str, Any]]:
        """Begin episodes."""
        observations, info = self.env.reset(seed=seed, options=options)
        return _join(observations, info), info

    def step(self, actions: Any) -> tuple[_Observation, Any, Any, Any, dict[str, Any]]:  # noqa: ANN401  # Gymnasium's own signature
        """Take a step in every environment."""
        observations, rewards, terminated, truncated, info = self.env.step(actions)
        return _join(observations, info), rewards, terminated, truncated, info


def _build_space(observation: Any, action: Any) -> Dict[Any]:  # noqa: ANN401  # spaces of any kind
    assert isinstance(observation, Box), "environments of growth show boxes"
    return Dict({_OBSERVATION: observation, _MASK: MultiBinary(flatdim(action))})


def _join(observation: object, info: Mapping[str, Any]) -> dict[str, Any]:
    return {_OBSERVATION: observation, _MASK: info[_MASK].astype(np.int8)}
