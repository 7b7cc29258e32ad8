"""GrowthVectorEnv: many hosts in lockstep, as Gymnasium sees them."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from gymnasium.spaces import MultiDiscrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from tamiyo.contracts import ConfigError, ShapeError, build_action_spec
from tamiyo.environment.growth.spaces import build_observation_space
from tamiyo.observation import ObservationEncoder, build_layout, marginalize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import TaskConfig

__all__ = ["GrowthVectorEnv"]

_Observations: TypeAlias = NDArray[np.float32]
_Integers: TypeAlias = NDArray[np.int64]
_Bools: TypeAlias = NDArray[np.bool_]
_Info: TypeAlias = dict[str, Any]


class GrowthVectorEnv(VectorEnv[_Observations, _Integers, NDArray[Any]]):
    """Spaces, masks, seeds and refusals; what an episode is comes from who derives from it.

    Args:
        num_envs: Environments, N.
        slot_ids: Slots of every host.
        task: What observations are scaled by.
        telemetry: Whether an observation has telemetry of the slots.
        autoreset_mode: SAME_STEP begins a new episode in the step that ends one; DISABLED leaves
            that to ``reset``.

    Raises:
        ConfigError: If the mode is another one.

    Attributes:
        action_spec: The heads of the action.
        observation_spec: Where in an observation the slots lie.
        encoder: Makes the observations and counts what it cuts.
        episode_length: Steps of every episode that does not end early.
    """

    def __init__(
        self,
        num_envs: int,
        slot_ids: Sequence[str],
        task: TaskConfig,
        *,
        telemetry: bool,
        autoreset_mode: AutoresetMode,
    ) -> None:
        if autoreset_mode not in {AutoresetMode.SAME_STEP, AutoresetMode.DISABLED}:
            message = f"autoreset_mode must be SAME_STEP or DISABLED, got {autoreset_mode.name}"
            raise ConfigError(message)
        layout = build_layout(len(slot_ids), telemetry=telemetry)
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": autoreset_mode}
        self.encoder = ObservationEncoder(layout, task)
        self.observation_spec = layout.spec
        self.action_spec = build_action_spec(slot_ids)
        self.single_observation_space = build_observation_space(layout)
        self.single_action_space = MultiDiscrete(list(self.action_spec.nvec))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.episode_length = task.decision_epochs
        self._masks = np.zeros((num_envs, self.action_spec.mask_size), np.bool_)
        self._is_running = np.zeros(num_envs, np.bool_)

    def action_masks(self) -> _Bools:
        """Return the marginal masks ``[N, sum(nvec)]``, under the name sb3-contrib looks for."""
        marginal: _Bools = marginalize(self.action_spec, self._masks)
        return marginal

    def saturated(self) -> dict[str, float]:
        """Return, for the fields of observations that were cut, the share of their values."""
        return self.encoder.saturated()

    def reset_counts(self) -> None:
        """Begin to count anew what is cut."""
        self.encoder.reset_counts()

    @abstractmethod
    def _begin(self, environments: _Bools) -> None:
        """Begin new episodes in some environments, ``[N]``."""

    @abstractmethod
    def _observe(self) -> tuple[_Observations, _Info]:
        """Return observations and masks as they are now, and keep the masks."""

    def _read_reset(
        self, seed: int | Sequence[int | None] | None, options: dict[str, Any] | None
    ) -> tuple[Sequence[int | None], _Bools]:
        """Return one seed per environment, and which of them begin anew.

        Raises:
            ShapeError: If there is not one seed or flag for each environment.
        """
        chosen = np.ones(self.num_envs, np.bool_)
        if options and "reset_mask" in options:
            chosen = np.asarray(options["reset_mask"], np.bool_)
        seeds = self._spread(seed)
        if not len(seeds) == len(chosen) == self.num_envs:
            message = (
                f"seeds and reset_mask must be one for each of {self.num_envs} environments, "
                f"got {len(seeds)} and {len(chosen)}"
            )
            raise ShapeError(message)
        return seeds, chosen

    def _spread(self, seed: int | Sequence[int | None] | None) -> Sequence[int | None]:
        if seed is None:
            return [None] * self.num_envs
        if isinstance(seed, int | np.integer):
            return [int(seed) + row for row in range(self.num_envs)]
        return seed

    def _check_actions(self, actions: _Integers) -> _Integers:
        """Refuse actions of another shape, and steps beyond the end of an episode.

        Raises:
            ShapeError: If the actions have another shape.
            ConfigError: If an episode is over or has not begun.
        """
        actions = np.asarray(actions, np.int64)
        expected = (self.num_envs, len(self.action_spec.heads))
        if actions.shape != expected:
            message = f"actions must be {list(expected)}, got {list(actions.shape)}"
            raise ShapeError(message)
        self._check_running("step")
        return actions

    def _check_running(self, what: str) -> None:
        if not self._is_running.all():
            over = np.flatnonzero(~self._is_running).tolist()
            message = (
                f"{what} must follow a reset of environments whose episode is over, got {over}"
            )
            raise ConfigError(message)

    def _begin_anew(
        self, ended: _Bools, observations: _Observations, info: _Info, *, kept: Sequence[str]
    ) -> tuple[_Observations, _Info]:
        """Begin new episodes where others ended, unless that is left to ``reset``.

        Args:
            ended: Which environments, ``[N]``.
            observations: The last ones of the episodes that ended.
            info: What is told of them.
            kept: What of it belongs to the step and not to its episode.

        Returns:
            What the step returns: observations to go on from, and the info.
        """
        if self.metadata["autoreset_mode"] != AutoresetMode.SAME_STEP:
            return observations, info
        final = {"final_obs": observations, "final_info": info}
        flags = {f"_{name}": ended.copy() for name in final}
        self._begin(ended)
        observations, fresh = self._observe()
        return observations, fresh | final | flags | {name: info[name] for name in kept}
