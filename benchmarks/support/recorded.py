"""Environments that cost next to nothing: they show again what was once recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from tamiyo.environment import ProbeVectorEnv, SurrogateVectorEnv
from tamiyo.observation import sample_uniform

_RECORDED = 25  # steps, then from the beginning


class RecordedVectorEnv(VectorEnv[NDArray[Any], NDArray[Any], NDArray[Any]]):
    """Shows what random legal play met in other environments, whatever is done.

    Args:
        source: What is recorded.
        episode_steps: Steps after which all episodes end.
    """

    def __init__(self, source: SurrogateVectorEnv | ProbeVectorEnv, *, episode_steps: int) -> None:
        self.num_envs = source.num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space = source.single_observation_space
        self.single_action_space = source.single_action_space
        self.observation_space, self.action_space = source.observation_space, source.action_space
        self.action_spec = source.action_spec
        if isinstance(source, SurrogateVectorEnv):
            self.observation_spec = source.observation_spec
        self._episode_steps = episode_steps
        self._step = 0
        self._moments = self._record(source)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[Any], dict[str, Any]]:
        """Begin with what was recorded first."""
        super().reset(seed=seed, options=options)
        self._step = 0
        return self._show()

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Show what was recorded next; the reward says whether the first head chose its first."""
        self._step += 1
        observations, info = self._show()
        rewards = (actions.reshape(self.num_envs, -1)[:, 0] == 0).astype(np.float64)
        ended = np.full(self.num_envs, self._step % self._episode_steps == 0)
        if ended.any():
            info["final_obs"] = observations
        return observations, rewards, ended, np.zeros_like(ended), info

    def _show(self) -> tuple[NDArray[Any], dict[str, Any]]:
        observations, masks = self._moments[self._step % _RECORDED]
        return observations, dict(masks)

    def _record(
        self, source: SurrogateVectorEnv | ProbeVectorEnv
    ) -> list[tuple[NDArray[Any], dict[str, Any]]]:
        rng = np.random.default_rng(0)
        observations, info = source.reset(seed=0)
        moments = []
        for _ in range(_RECORDED):
            masks = {name: info[name] for name in ("action_mask", "action_mask_by_op")}
            moments.append((observations, masks))
            actions = sample_uniform(self.action_spec, masks["action_mask_by_op"], rng)
            observations, _, _, _, info = source.step(actions)
        return moments
