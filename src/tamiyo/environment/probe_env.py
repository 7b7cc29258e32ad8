"""Probes as Gymnasium environments: many in lockstep, or a single one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium.spaces import Box, MultiDiscrete
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from tamiyo.contracts import ShapeError, UnknownNameError
from tamiyo.environment.probes import PROBES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamiyo.environment.probes import Probe

__all__ = ["ProbeEnv", "ProbeVectorEnv"]

_Floats: TypeAlias = NDArray[np.float32]
_Integers: TypeAlias = NDArray[np.int64]


class ProbeVectorEnv(VectorEnv[_Floats, _Integers, NDArray[Any]]):
    """Environments of one probe in lockstep; row ``i`` is a :class:`ProbeEnv` of seed ``seed + i``.

    Args:
        num_envs: Number of environments.
        probe: Name of the probe, a key of ``PROBES``.

    Raises:
        UnknownNameError: If there is no such probe.

    Attributes:
        action_spec: The heads of the action.
        episode_length: Steps of every episode.
    """

    def __init__(self, num_envs: int = 1, *, probe: str) -> None:
        self._probe = _find_probe(probe)
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.num_envs = num_envs
        self.action_spec = self._probe.action_spec
        self.episode_length = self._probe.episode_length
        self.single_observation_space, self.single_action_space = _build_spaces(self._probe)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._generators: list[np.random.Generator] = []
        self._steps = np.zeros(num_envs, np.int64)
        self._bits = np.zeros(num_envs, np.int64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[_Floats, dict[str, Any]]:
        """Begin a new episode in every environment.

        Args:
            seed: Seeds the generator of row ``i`` with ``seed + i``; without it they go on.
            options: Not used.

        Returns:
            Observations ``[N, F]``, float32, and the masks.
        """
        super().reset(seed=seed, options=options)
        if seed is not None or not self._generators:
            first = self.np_random_seed
            assert first is not None
            rows = range(self.num_envs)
            self._generators = [np.random.default_rng(first + row) for row in rows]
        self._begin(np.ones(self.num_envs, np.bool_))
        return self._probe.observe(self._steps, self._bits)

    def step(
        self, actions: _Integers
    ) -> tuple[_Floats, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        """Make one step in every environment; those that end begin a new episode at once.

        Args:
            actions: Choice of each head, shape ``[N, H]``; an illegal action is executed as the
                neutral one.

        Returns:
            Observations ``[N, F]``, float32, rewards ``[N]``, float64, terminated and truncated
            ``[N]``, bool, and the masks with ``action_valid`` ``[N]`` and, where episodes ended,
            ``final_obs`` ``[N, F]``.
        """
        rewards, valid = self._probe.pay(self._steps, self._bits, actions)
        self._steps += 1
        terminated = self._steps == self._probe.episode_length
        ended = {}
        if terminated.any():
            final, _ = self._probe.observe(self._steps, self._bits)
            ended = {"final_obs": final, "_final_obs": terminated.copy()}
            self._begin(terminated)
        observations, masks = self._probe.observe(self._steps, self._bits)
        info = {**masks, **ended, "action_valid": valid}
        return observations, rewards, terminated, np.zeros_like(terminated), info

    def state_dict(self) -> dict[str, NDArray[Any]]:
        """Return all that the running episodes and later ones depend on."""
        generators = json.dumps([generator.bit_generator.state for generator in self._generators])
        return {
            "steps": self._steps.copy(),
            "bits": self._bits.copy(),
            "generators": np.frombuffer(generators.encode(), np.uint8).copy(),
        }

    def load_state_dict(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go on where another one of the same probe and number of environments stood.

        Args:
            state: What its :meth:`state_dict` returned.

        Raises:
            ShapeError: If it is of another number of environments.
        """
        if state["steps"].shape != (self.num_envs,):
            message = f"state must be of {self.num_envs} environments, got {len(state['steps'])}"
            raise ShapeError(message)
        self._steps, self._bits = state["steps"].copy(), state["bits"].copy()
        self._generators = []
        for generator_state in json.loads(state["generators"].tobytes()):
            generator = np.random.default_rng(0)
            generator.bit_generator.state = generator_state
            self._generators.append(generator)

    def _begin(self, rows: NDArray[np.bool_]) -> None:
        self._steps[rows] = 0
        self._bits[rows] = [self._generators[row].integers(2) for row in np.flatnonzero(rows)]


class ProbeEnv(gymnasium.Env[_Floats, _Integers]):
    """One environment of a probe.

    Args:
        probe: Name of the probe, a key of ``PROBES``.

    Raises:
        UnknownNameError: If there is no such probe.

    Attributes:
        action_spec: The heads of the action.
        episode_length: Steps of every episode.
    """

    def __init__(self, *, probe: str) -> None:
        self._probe = _find_probe(probe)
        self.action_spec = self._probe.action_spec
        self.episode_length = self._probe.episode_length
        self.observation_space, self.action_space = _build_spaces(self._probe)
        self._steps = np.zeros(1, np.int64)
        self._bits = np.zeros(1, np.int64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[_Floats, dict[str, Any]]:
        """Begin a new episode.

        Args:
            seed: Seeds the generator; without it the generator goes on.
            options: Not used.

        Returns:
            Observation ``[F]``, float32, and the masks.
        """
        super().reset(seed=seed, options=options)
        self._steps[:] = 0
        self._bits[:] = self.np_random.integers(2)
        return self._observe()

    def step(self, action: _Integers) -> tuple[_Floats, float, bool, bool, dict[str, Any]]:
        """Make one step.

        Args:
            action: Choice of each head, shape ``[H]``; an illegal action is executed as the neutral
                one.

        Returns:
            Observation ``[F]``, float32, reward, terminated, truncated, and the masks with
            ``action_valid``.
        """
        rewards, valid = self._probe.pay(self._steps, self._bits, np.asarray(action)[None])
        self._steps += 1
        terminated = bool(self._steps[0] == self._probe.episode_length)
        observation, masks = self._observe()
        info = {**masks, "action_valid": bool(valid[0])}
        return observation, float(rewards[0]), terminated, False, info

    def _observe(self) -> tuple[_Floats, dict[str, Any]]:
        observations, masks = self._probe.observe(self._steps, self._bits)
        return observations[0], {name: mask[0] for name, mask in masks.items()}


def _find_probe(name: str) -> Probe:
    if name not in PROBES:
        raise UnknownNameError("probe", name, list(PROBES))
    return PROBES[name]


def _build_spaces(probe: Probe) -> tuple[Box[np.float32], MultiDiscrete[np.int64]]:
    features = probe.observations.shape[-1]
    return Box(-1.0, 1.0, (features,), np.float32), MultiDiscrete(list(probe.action_spec.nvec))
