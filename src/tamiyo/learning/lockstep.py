"""A Gymnasium vector environment as the learner sees it, whatever its way of starting anew.

https://gymnasium.farama.org/api/vector/#autoreset describes the three modes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, is_dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from tamiyo.contracts import ActionSpec, ConfigError, ObservationSpec, ShapeError, encode_record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gymnasium.spaces import Space
    from gymnasium.vector import VectorEnv

__all__ = ["CountingEnv", "Lockstep", "MeasuringEnv", "Moment", "Outcome", "StatefulEnv"]

Array: TypeAlias = NDArray[Any]


@runtime_checkable
class StatefulEnv(Protocol):
    """An environment whose running episodes can be saved and taken up again."""

    def state_dict(self) -> Mapping[str, Array]:
        """Return all that the running episodes and later ones depend on."""

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Go on where another one stood."""


@runtime_checkable
class CountingEnv(Protocol):
    """An environment that cuts what it shows to a range, and counts what it cuts."""

    def saturated(self) -> Mapping[str, float]:
        """Return, for the fields that were cut, the share of their values that was."""

    def reset_counts(self) -> None:
        """Begin to count anew."""


@runtime_checkable
class MeasuringEnv(Protocol):
    """An environment that has more to tell of its episodes than their returns."""

    def metrics(self) -> Mapping[str, float]:
        """Return means since counting began anew, by name; what is unknown is left out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Moment:
    """What is to be decided on; axis 0 of every array is the environment.

    Attributes:
        observations: Raw, ``[N, F]``, float32.
        masks: Flat conditional masks, ``[N, M]``, bool.
        starts: Environments in which an episode begins, ``[N]``, bool.
        idle: Environments whose next step only begins an episode, whatever is decided, ``[N]``,
            bool.
    """

    observations: Array
    masks: Array
    starts: Array
    idle: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """What one step of every environment led to.

    Attributes:
        rewards: Raw, ``[N]``, float32.
        terminated: Episodes that ended for good, ``[N]``, bool.
        truncated: Episodes that an outside limit stopped, ``[N]``, bool.
        final_observations: What was seen after the step, before an episode began anew, ``[N, F]``,
            float32; only rows with ``truncated`` are of use.
    """

    rewards: Array
    terminated: Array
    truncated: Array
    final_observations: Array

    @property
    def ended(self) -> Array:
        """Episodes that ended in either way, ``[N]``, bool."""
        ended: Array = self.terminated | self.truncated
        return ended


class Lockstep:
    """Environments that step together; begins with :meth:`reset`.

    Args:
        env: The environments. Those behind its wrappers may offer ``action_spec``,
            ``observation_spec``, ``episode_length``, ``config``, a record of their settings, and
            what :class:`StatefulEnv` and :class:`CountingEnv` ask for.

    Raises:
        ConfigError: If its spaces, its specifications or its autoreset mode cannot be worked with.

    Attributes:
        num_envs: Number of environments, N.
        action_spec: Heads of an action.
        observation_spec: Layout of an observation.
        episode_length: Steps of every episode; ``None`` where the environment does not say.
        settings: The environments' settings as JSON values; empty where they offer none.
    """

    def __init__(self, env: VectorEnv[Any, Any, Any]) -> None:
        self._env = env
        self._mode = _read_autoreset_mode(env)
        self._space = _check_actions(env.single_action_space)
        features = _count_features(env.single_observation_space)
        space = self._space
        sizes = [space.n] if isinstance(space, Discrete) else space.nvec
        nvec = tuple(int(size) for size in sizes)
        own = env.unwrapped
        self.num_envs = env.num_envs
        self.action_spec: ActionSpec = getattr(own, "action_spec", ActionSpec.independent(nvec))
        self.observation_spec: ObservationSpec = getattr(
            own, "observation_spec", ObservationSpec(size=features)
        )
        self.episode_length: int | None = getattr(own, "episode_length", None)
        self.settings = _encode_settings(getattr(own, "config", None))
        if self.action_spec.nvec != nvec or self.observation_spec.size != features:
            message = (
                f"specifications of {env} must fit its spaces, got heads {self.action_spec.nvec} "
                f"for {nvec} and {self.observation_spec.size} features for {features}"
            )
            raise ConfigError(message)

    @property
    def name(self) -> str:
        """Id under which the environments are registered, else the name of their class."""
        return self._env.spec.id if self._env.spec else type(self._env.unwrapped).__name__

    @property
    def stateful(self) -> StatefulEnv | None:
        """The environments, if their running episodes can be saved."""
        own = self._env.unwrapped
        return own if isinstance(own, StatefulEnv) else None

    def saturated(self) -> dict[str, float]:
        """Return the share of values that the environments cut, by field, if they count them."""
        own = self._env.unwrapped
        return dict(own.saturated()) if isinstance(own, CountingEnv) else {}

    def metrics(self) -> dict[str, float]:
        """Return what the environments tell of their episodes, if they do."""
        own = self._env.unwrapped
        return dict(own.metrics()) if isinstance(own, MeasuringEnv) else {}

    def reset_counts(self) -> None:
        """Let the environments begin to count anew what they cut."""
        own = self._env.unwrapped
        if isinstance(own, CountingEnv):
            own.reset_counts()

    def reset(self, *, seed: int | None = None) -> Moment:
        """Begin an episode in every environment.

        Args:
            seed: Seed of their generators; by default these go on.

        Returns:
            The first decision.

        Raises:
            ConfigError: If masks are missing.
            ShapeError: If an observation or mask has another shape than announced.
        """
        observations, info = self._env.reset(seed=seed)
        return Moment(
            observations=self._check_observations(observations),
            masks=self._read_masks(info),
            starts=np.ones(self.num_envs, np.bool_),
            idle=np.zeros(self.num_envs, np.bool_),
        )

    def step(self, now: Moment, actions: Array) -> tuple[Outcome, Moment]:
        """Carry out one decision per environment.

        Args:
            now: What was decided on.
            actions: Index per head, ``[N, H]``, int64.

        Returns:
            What it led to, and the next decision.

        Raises:
            ConfigError: If masks or the last observation of a truncated episode are missing, or a
                reward is not finite.
            ShapeError: If an observation or mask has another shape than announced.
        """
        raw, rewards, *flags, info = self._env.step(self._encode(actions))
        terminated, truncated = (np.array(flag, np.bool_) & ~now.idle for flag in flags)
        shown = self._check_observations(raw)
        if self._mode is AutoresetMode.NEXT_STEP:
            final, following = shown, self._await_episodes(now, shown, info, terminated | truncated)
        elif self._mode is AutoresetMode.SAME_STEP:
            final = self._read_final_observations(shown, info, truncated)
            following = self._go_on(shown, self._read_masks(info), terminated | truncated)
        else:
            final, following = shown, self._begin_episodes(shown, info, terminated | truncated)
        outcome = Outcome(
            rewards=_check_rewards(np.array(rewards, np.float32), now.idle),
            terminated=terminated,
            truncated=truncated,
            final_observations=final,
        )
        return outcome, following

    def _encode(self, actions: Array) -> Array:
        first: Array = np.asarray(self._space.start)
        return first + (actions[:, 0] if isinstance(self._space, Discrete) else actions)

    def _await_episodes(
        self, now: Moment, shown: Array, info: Mapping[str, Any], ended: Array
    ) -> Moment:
        """Leave the step that begins the next episodes to the next decision."""
        masks = self._read_masks(info, unread=ended)
        return Moment(observations=shown, masks=masks, starts=now.idle, idle=ended)

    def _begin_episodes(self, shown: Array, info: Mapping[str, Any], ended: Array) -> Moment:
        """Begin the next episodes ourselves."""
        masks = self._read_masks(info, unread=ended)
        if ended.any():
            raw, info = self._env.reset(options={"reset_mask": ended.copy()})
            shown = np.where(ended[:, None], self._check_observations(raw), shown)
            masks[ended] = self._read_masks(info, unread=~ended)[ended]
        return self._go_on(shown, masks, ended)

    def _go_on(self, observations: Array, masks: Array, starts: Array) -> Moment:
        idle = np.zeros(self.num_envs, np.bool_)
        return Moment(observations=observations, masks=masks, starts=starts, idle=idle)

    def _check_observations(self, observations: object) -> Array:
        # A copy, since an environment may use its array again.
        copied = np.array(observations, np.float32)
        wanted = (self.num_envs, self.observation_spec.size)
        if copied.shape != wanted:
            message = f"observations must have shape {wanted}, got {copied.shape}"
            raise ShapeError(message)
        _check_finite(copied, "observations")
        return copied

    def _read_masks(self, info: Mapping[str, Any], *, unread: Array | None = None) -> Array:
        # Rows that nothing is decided on allow everything.
        spec = self.action_spec
        has_parents = any(head.parents for head in spec.heads)
        masks = info.get("action_mask_by_op")
        if masks is None and not has_parents:
            masks = info.get("action_mask", np.ones((self.num_envs, spec.mask_size), np.bool_))
        if masks is None:
            message = f"info must hold action_mask_by_op for heads with parents, got {sorted(info)}"
            raise ConfigError(message)
        wanted = (self.num_envs, spec.mask_size)
        if masks.shape != wanted:
            message = f"action mask must have shape {wanted}, got {masks.shape}"
            raise ShapeError(message)
        copied = np.array(masks, np.bool_)
        if unread is not None:
            copied[unread] = True
        return copied

    def _read_final_observations(
        self, observations: Array, info: Mapping[str, Any], truncated: Array
    ) -> Array:
        if not truncated.any():
            return observations
        if "final_obs" not in info:
            message = f"info must hold final_obs where an episode is truncated, got {sorted(info)}"
            raise ConfigError(message)
        final = observations.copy()
        final[truncated] = np.stack(list(info["final_obs"][truncated]))
        return final


def _check_rewards(rewards: Array, idle: Array) -> Array:
    """Refuse rewards that are not finite, but those of steps that only begin an episode.

    Raises:
        ConfigError: If there is one.
    """
    _check_finite(np.where(idle, 0.0, rewards), "rewards")
    return rewards


def _check_finite(values: Array, name: str) -> None:
    """Refuse values that are not finite; axis 0 is the environment.

    Raises:
        ConfigError: If there is one; names its place.
    """
    if not np.isfinite(values).all():
        place = np.argwhere(~np.isfinite(values))[0].tolist()
        message = (
            f"{name} of an environment must be finite, got {values[tuple(place)]} in environment "
            f"{place[0]}{f', feature {place[1]}' if place[1:] else ''}: nothing can be learned "
            "from it, so mend the environment"
        )
        raise ConfigError(message)


def _encode_settings(config: object) -> dict[str, Any]:
    """Encode a record of settings; of a value that JSON does not have, how it is shown."""
    if not is_dataclass(config) or isinstance(config, type):
        return {}
    plain: dict[str, Any] = json.loads(json.dumps(encode_record(config), default=repr))
    return plain


def _read_autoreset_mode(env: VectorEnv[Any, Any, Any]) -> AutoresetMode:
    mode = env.metadata.get("autoreset_mode")
    if not isinstance(mode, AutoresetMode):
        message = f"metadata of {env} must name its autoreset_mode, got {mode!r}"
        raise ConfigError(message)
    return mode


def _count_features(space: Space[Any]) -> int:
    if not (isinstance(space, Box) and len(space.shape) == 1):
        message = f"observations must be a Box with one axis, got {space}"
        raise ConfigError(message)
    return space.shape[0]


def _check_actions(space: Space[Any]) -> Discrete[Any] | MultiDiscrete[Any]:
    if isinstance(space, Discrete) or (isinstance(space, MultiDiscrete) and len(space.shape) == 1):
        return space
    message = f"actions must be MultiDiscrete with one axis, or Discrete, got {space}"
    raise ConfigError(message)
