"""GrowthEnv: one host, for libraries that do not know vector environments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

import gymnasium
import numpy as np
from numpy.typing import NDArray

from tamiyo.environment.growth.vector_env import GrowthVectorEnv

if TYPE_CHECKING:
    from tamiyo.contracts import ActionSpec, ObservationSpec

__all__ = ["GrowthEnv"]

_Observation: TypeAlias = NDArray[np.float32]
_Action: TypeAlias = NDArray[np.int64]
_Vector = TypeVar("_Vector", bound=GrowthVectorEnv)


class GrowthEnv(gymnasium.Env[_Observation, _Action], Generic[_Vector]):
    """What a vector of one environment is, without autoreset.

    Args:
        vector: The vector of one, which does not begin episodes by itself.

    Attributes:
        vector: As given.
        action_spec: The heads of the action.
        observation_spec: Where in an observation the slots lie.
    """

    def __init__(self, vector: _Vector) -> None:
        self.vector = vector
        self.action_spec: ActionSpec = vector.action_spec
        self.observation_spec: ObservationSpec = vector.observation_spec
        self.observation_space = vector.single_observation_space
        self.action_space = vector.single_action_space

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[_Observation, dict[str, Any]]:
        """Begin a new episode.

        Args:
            seed: Seed of the environment; ``None`` where the episodes of an earlier one go on.
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
            Observation ``[F]``, float32; reward, points; terminated and truncated; and what the
            ``step`` of the vector tells of this environment.

        Raises:
            ShapeError: If the action has another shape.
            ConfigError: If the episode is over or has not begun.
        """
        observations, rewards, terminated, truncated, info = self.vector.step(np.array([action]))
        end = bool(terminated[0]), bool(truncated[0])
        return observations[0], float(rewards[0]), *end, _take_first(info)

    def action_masks(self) -> NDArray[np.bool_]:
        """Return the marginal mask ``[sum(nvec)]``, under the name sb3-contrib looks for."""
        masks: NDArray[np.bool_] = self.vector.action_masks()[0]
        return masks

    def close(self) -> None:
        """Give back what the host holds."""
        self.vector.close()


def _take_first(info: dict[str, Any]) -> dict[str, Any]:
    return {name: row[0] if row.ndim > 1 else row.item() for name, row in info.items()}
