"""SurrogateEnv: one synthetic host, for libraries that do not know vector environments."""

from __future__ import annotations

from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from tamiyo.environment.changing import change_config
from tamiyo.environment.surrogate.config import SurrogateConfig
from tamiyo.environment.surrogate.vector_env import SurrogateVectorEnv

__all__ = ["SurrogateEnv"]

_Observation: TypeAlias = NDArray[np.float32]
_Action: TypeAlias = NDArray[np.int64]


class SurrogateEnv(gymnasium.Env[_Observation, _Action]):
    """What a :class:`SurrogateVectorEnv` of one environment is, without autoreset.

    Args:
        config: The family of hosts; the default one if not given.
        **changes: Fields of ``config`` to replace.

    Raises:
        UnknownNameError: If the configuration has no such field.
        ConfigError: If a number is outside its range.

    Attributes:
        vector: The vector of one.
        action_spec: The heads of the action.
        observation_spec: Where in an observation the slots lie.
    """

    def __init__(self, config: SurrogateConfig | None = None, **changes: object) -> None:
        config = change_config(config or SurrogateConfig(), changes)
        self.vector = SurrogateVectorEnv(1, config, autoreset_mode=AutoresetMode.DISABLED)
        self.action_spec = self.vector.action_spec
        self.observation_spec = self.vector.observation_spec
        self.observation_space = self.vector.single_observation_space
        self.action_space = self.vector.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[_Observation, dict[str, Any]]:
        """Begin a new episode.

        Args:
            seed: Seed of the environment's generator; ``None`` where it goes on.
            options: Not used.

        Returns:
            Observation ``[F]``, float32, and the masks: ``action_mask`` ``[sum(nvec)]`` and
            ``action_mask_by_op`` ``[mask_size]``, bool.
        """
        super().reset(seed=seed, options=options)
        observations, info = self.vector.reset(seed=seed)
        return observations[0], _take_first(info)

    def step(self, action: _Action) -> tuple[_Observation, float, bool, bool, dict[str, Any]]:
        """Carry out an action and let one epoch pass.

        Args:
            action: One index per head, ``[heads]``; an illegal action becomes WAIT.

        Returns:
            Observation ``[F]``, float32; reward, points; terminated and truncated; the masks with
            ``action_valid`` and, at the end, ``score``, ``host_score`` and ``committed``.

        Raises:
            ShapeError: If the action has another shape.
            ConfigError: If the episode is over or has not begun.
        """
        observations, rewards, terminated, truncated, info = self.vector.step(np.array([action]))
        end = bool(terminated[0]), bool(truncated[0])
        return observations[0], float(rewards[0]), *end, _take_first(info)

    def action_masks(self) -> NDArray[np.bool_]:
        """Return the marginal mask ``[sum(nvec)]``, under the name sb3-contrib looks for."""
        masks: NDArray[np.bool_] = self.vector.marginal_masks[0]
        return masks


def _take_first(info: dict[str, Any]) -> dict[str, Any]:
    return {name: row[0] if row.ndim > 1 else row.item() for name, row in info.items()}
