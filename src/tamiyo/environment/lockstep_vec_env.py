"""LockstepVecEnv: the adapter itself; importing this module loads stable-baselines3 and torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from gymnasium.spaces.utils import flatdim
from gymnasium.vector import AutoresetMode
from stable_baselines3.common.vec_env import VecEnv

from tamiyo.contracts import ConfigError, UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import gymnasium
    from gymnasium.vector import VectorEnv
    from numpy.typing import NDArray
    from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

__all__ = ["LockstepVecEnv"]

_MASKS: Final = "action_masks"  # the method that sb3-contrib asks environments for


class LockstepVecEnv(VecEnv):
    """A Gymnasium vector environment with the interface of stable-baselines3.

    ``seed(s)`` gives environment ``i`` the seed ``s + i`` at the next reset, here as there. Reset
    options are not passed on.

    Args:
        env: The environments; an episode that ends begins anew in the same step.

    Raises:
        ConfigError: If ``env`` has another autoreset mode.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        mode = env.metadata.get("autoreset_mode")
        if mode is not AutoresetMode.SAME_STEP:
            message = f"autoreset_mode must be SAME_STEP, as stable-baselines3 expects, got {mode}"
            raise ConfigError(message)
        self._env = env
        self._actions: NDArray[Any] = np.array(())
        self._masks = np.ones((env.num_envs, flatdim(env.single_action_space)), np.bool_)
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> NDArray[Any]:
        """Begin an episode in every environment; observations ``[N, F]``."""
        observations, info = self._env.reset(seed=self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        self._read_masks(info)
        return np.array(observations)

    def step_async(self, actions: NDArray[Any]) -> None:
        """Keep the actions, ``[N, heads]``, for :meth:`step_wait`."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Take the step.

        Returns:
            Observations ``[N, F]``, rewards ``[N]``, float32, whether episodes ended ``[N]``, and
            one dictionary per environment: ``TimeLimit.truncated`` and, at an episode's end,
            ``terminal_observation``.
        """
        observations, rewards, terminated, truncated, info = self._env.step(self._actions)
        self._read_masks(info)
        ended = terminated | truncated
        infos: list[dict[str, Any]] = [
            {"TimeLimit.truncated": cut} for cut in (truncated & ~terminated).tolist()
        ]
        for row in np.flatnonzero(ended):
            infos[row]["terminal_observation"] = info["final_obs"][row]
        return np.array(observations), np.array(rewards, np.float32), ended, infos

    def close(self) -> None:
        """Close the environments."""
        self._env.close()

    def has_attr(self, attr_name: str) -> bool:
        """Say whether every environment has an attribute; they all offer masks."""
        return attr_name == _MASKS or super().has_attr(attr_name)

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of all environments together, once for each of some of them."""
        return [getattr(self._env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: object, indices: VecEnvIndices = None) -> None:
        """Refuse: environments in lockstep share their attributes.

        Raises:
            ConfigError: Always.
        """
        message = (
            f"{attr_name} must be set where the environments are made, got {value!r} for {indices}"
        )
        raise ConfigError(message)

    def env_method(
        self,
        method_name: str,
        *_arguments: object,
        indices: VecEnvIndices = None,
        **_keywords: object,
    ) -> list[Any]:
        """Return the marginal mask ``[sum(nvec)]``, bool, of each of some environments.

        Raises:
            UnknownNameError: If anything but ``action_masks`` is asked for.
        """
        if method_name != _MASKS:
            kind = "method of environments in lockstep"
            raise UnknownNameError(kind, method_name, [_MASKS])
        return [self._masks[index] for index in self._get_indices(indices)]

    def env_is_wrapped(
        self,
        _wrapper_class: type[gymnasium.Wrapper[Any, Any, Any, Any]],
        indices: VecEnvIndices = None,
    ) -> list[bool]:
        """Say of each of some environments that it is not wrapped."""
        return [False for _ in self._get_indices(indices)]

    def _read_masks(self, info: Mapping[str, Any]) -> None:
        # Without masks every choice stays legal.
        self._masks = np.array(info.get("action_mask", self._masks), np.bool_)
