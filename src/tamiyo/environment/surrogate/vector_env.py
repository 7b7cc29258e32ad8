"""SurrogateVectorEnv: many synthetic hosts in lockstep, as Gymnasium sees them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from tamiyo.contracts import (
    ShapeError,
    derive_seed,
)
from tamiyo.environment.changing import change_config
from tamiyo.environment.growth import GrowthVectorEnv
from tamiyo.environment.surrogate.config import RewardKind, SurrogateConfig
from tamiyo.environment.surrogate.draws import draw_episode
from tamiyo.environment.surrogate.world import SurrogateWorld
from tamiyo.observation import (
    canonicalize_actions,
    compute_action_masks,
    is_allowed,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tamiyo.observation import HostArrays

__all__ = ["SurrogateVectorEnv"]

_Observations: TypeAlias = NDArray[np.float32]
_Integers: TypeAlias = NDArray[np.int64]
_Bools: TypeAlias = NDArray[np.bool_]
_Info: TypeAlias = dict[str, Any]


class SurrogateVectorEnv(GrowthVectorEnv):
    """Environments that step together; what happens in one depends on its own seed alone.

    An episode is one host. It lasts as many steps as the task has decisions and then terminates:
    its length is part of the task, and an observation shows the epoch. What is paid in all is the
    score of the committed network less that of the host had it never grown.

    Args:
        num_envs: Environments, N.
        config: The family of hosts; the default one if not given.
        autoreset_mode: SAME_STEP begins a new episode in the step that ends one; DISABLED leaves
            that to ``reset``.
        **changes: Fields of ``config`` to replace.

    Raises:
        UnknownNameError: If the configuration has no such field.
        ConfigError: If a number is outside its range, or the mode is another one.

    Attributes:
        config: The family of hosts.
        action_spec: The heads of the action.
        observation_spec: Where in an observation the slots lie.
        encoder: Makes the observations and counts what it cuts.
        world: The hosts themselves.
    """

    def __init__(
        self,
        num_envs: int = 1,
        config: SurrogateConfig | None = None,
        *,
        autoreset_mode: AutoresetMode = AutoresetMode.SAME_STEP,
        **changes: object,
    ) -> None:
        self.config = change_config(config or SurrogateConfig(), changes)
        super().__init__(
            num_envs,
            self.config.slot_ids,
            self.config.task,
            telemetry=self.config.telemetry,
            autoreset_mode=autoreset_mode,
        )
        self.world = SurrogateWorld(num_envs, self.config)
        self._generators = [np.random.default_rng() for _ in range(num_envs)]

    @property
    def arrays(self) -> HostArrays:
        """What masks and observations are made of."""
        return self.world.arrays

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[_Observations, _Info]:
        """Begin new episodes.

        Args:
            seed: Seed of the first environment, the others have the next ones; or one for each,
                ``None`` where a generator goes on. Generators never seeded take fresh entropy.
            options: ``reset_mask``, bool ``[N]``, says which environments begin anew.

        Returns:
            Observations ``[N, F]``, float32, and the masks: ``action_mask`` ``[N, sum(nvec)]`` and
            ``action_mask_by_op`` ``[N, mask_size]``, bool.

        Raises:
            ShapeError: If there is not one seed or flag for each environment.
        """
        seeds, chosen = self._read_reset(seed, options)
        for row, own_seed in enumerate(seeds):
            if chosen[row] and own_seed is not None:
                episodes = derive_seed(own_seed, 0, "episodes")
                self._generators[row] = np.random.default_rng(episodes)
        self._begin(chosen)
        return self._observe()

    def step(
        self, actions: _Integers
    ) -> tuple[_Observations, NDArray[np.float64], _Bools, _Bools, _Info]:
        """Carry out an action in every environment and let one epoch pass.

        Args:
            actions: One index per head, ``[N, heads]``; what stands in a head that the op does not
                use is ignored. An illegal action becomes WAIT.

        Returns:
            Observations ``[N, F]``, float32; rewards, points, ``[N]``; terminated and truncated
            ``[N]``; and the masks with ``action_valid`` ``[N]``. Where episodes ended,
            ``final_obs`` ``[N, F]`` and ``final_info`` hold their last observation and masks, with
            ``score``, ``host_score`` (points, ``[N]``), ``committed`` (blueprints of the fossils, 0
            for none, ``[N, S]``) and ``parameters`` (of the committed network, ``[N]``); without
            autoreset those stand in the info itself.

        Raises:
            ShapeError: If the actions have another shape.
            ConfigError: If an episode is over or has not begun.
        """
        actions = self._check_actions(actions)
        valid = is_allowed(self.action_spec, self._masks, actions)
        legal = np.where(valid[:, np.newaxis], actions, 0)
        before = self.world.committed_points.copy()
        self.world.step(canonicalize_actions(self.action_spec, legal))
        terminated = self.world.epoch >= self.config.decision_epochs
        observations, info = self._observe()
        info["action_valid"] = valid
        rewards = -self.config.intervention_points * (legal[:, 0] != 0)
        if self.config.reward == RewardKind.SHAPED:
            rewards += np.where(terminated, 0.0, self.world.committed_points) - before
        if terminated.any():
            info |= self._describe_end(terminated)
            rewards += np.where(terminated, info["score"] - info["host_score"], 0.0)
            self._is_running &= ~terminated
            observations, info = self._begin_anew(
                terminated, observations, info, kept=("action_valid",)
            )
        return observations, rewards, terminated, np.zeros_like(terminated), info

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return all that the running episodes and later ones depend on."""
        states = json.dumps([generator.bit_generator.state for generator in self._generators])
        return {
            **{name: array.copy() for name, array in self._collect_state().items()},
            "generators": np.frombuffer(states.encode(), np.uint8).copy(),
        }

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on where another one of the same configuration and number of environments stood.

        Args:
            state: What its :meth:`state_dict` returned; counts of what was cut may be missing and
                begin anew.

        Raises:
            ShapeError: If an array is missing, unknown or of another shape or type.
        """
        own = self._collect_state()
        uncounted = {name: np.zeros_like(counts) for name, counts in self._collect_counts().items()}
        state = uncounted | dict(state)
        misfits = {
            name
            for name in own.keys() | state.keys()
            if _describe_array(own.get(name)) != _describe_array(state.get(name))
        } ^ {"generators"}
        if misfits:
            message = (
                f"state must be of {self.num_envs} surrogates of the same configuration, got "
                f"{', '.join(sorted(misfits))} missing, unknown or of another shape"
            )
            raise ShapeError(message)
        for name in own:
            own[name][...] = state[name]
        states = json.loads(state["generators"].tobytes())
        for generator, generator_state in zip(self._generators, states, strict=True):
            generator.bit_generator.state = generator_state
        self.world.count_parameters()
        self._masks = compute_action_masks(self.arrays, self.action_spec)

    def _begin(self, environments: _Bools) -> None:
        """Draw new episodes and begin them."""
        for row in np.flatnonzero(environments):
            self.world.draws.put(int(row), draw_episode(self.config, self._generators[row]))
        self.world.begin(environments)
        self._is_running |= environments

    def _observe(self) -> tuple[_Observations, _Info]:
        self._masks = compute_action_masks(self.arrays, self.action_spec)
        info = {
            "action_mask": self.action_masks(),
            "action_mask_by_op": self._masks,
        }
        return self.encoder.encode(self.arrays), info

    def _describe_end(self, terminated: _Bools) -> _Info:
        """Return what is told of episodes that ended; NaN for the others."""
        unknown = np.where(terminated, 0.0, np.nan)
        fossils = np.where(self.world.is_committed, self.arrays.seeds.blueprint, 0)
        return {
            "score": self.world.compute_score() + unknown,
            "host_score": self.world.compute_host_score() + unknown,
            "committed": fossils * terminated[:, np.newaxis],
            "parameters": self.world.count_committed_parameters() * terminated,
        }

    def _collect_state(self) -> dict[str, NDArray[Any]]:
        own = self.world.collect_state() | self._collect_counts()
        return own | {"is_running": self._is_running}

    def _collect_counts(self) -> dict[str, NDArray[Any]]:
        return {f"encoder.{name}": array for name, array in self.encoder.counts.items()}


def _describe_array(array: NDArray[Any] | None) -> tuple[object, ...]:
    return () if array is None else (array.shape, array.dtype)
