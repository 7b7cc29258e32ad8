"""Play a policy: one rollout to learn from, or whole episodes to judge it by."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from tamiyo.contracts import RolloutReport, derive_seed
from tamiyo.learning.lockstep import Array, Lockstep, Moment
from tamiyo.learning.specs import Specs, check_specs
from tamiyo.learning.watching import DecisionListener, NoListener, PhaseClock
from tamiyo.policy import name_probabilities

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from gymnasium.vector import VectorEnv
    from numpy.typing import NDArray

    from tamiyo.learning.buffer import Rollout, TamiyoRolloutBuffer
    from tamiyo.learning.checkpoint import LearnedPolicy
    from tamiyo.learning.lockstep import Outcome
    from tamiyo.learning.normalizers import (
        ObservationNormalizer,
        RewardNormalizer,
        ValueScale,
    )
    from tamiyo.policy import ActorCritic, ActResult

__all__ = ["Collected", "Collector", "fit_policy", "play_episodes"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Collected:
    """What a rollout brought beside its transitions.

    Attributes:
        observations: Raw ones of every step, ``[T, N, F]``, float32.
        returns: Sum of raw rewards of each episode that ended.
        lengths: Transitions of each of them.
    """

    observations: Tensor
    returns: tuple[float, ...]
    lengths: tuple[int, ...]

    def describe(
        self,
        rollout: Rollout,
        *,
        forced_fraction: float,
        saturated: Mapping[str, float],
        environment: Mapping[str, float],
    ) -> RolloutReport:
        """Sum up the rollout.

        Args:
            rollout: The transitions.
            forced_fraction: As for :class:`RolloutReport`, like the others.
            saturated: Share of values that were cut, by field.
            environment: What the environments tell of their episodes.
        """
        valid = rollout.valid
        return RolloutReport(
            transitions=int(valid.sum()),
            episodes=len(self.returns),
            episode_return=fmean(self.returns) if self.returns else None,
            episode_length=fmean(self.lengths) if self.lengths else None,
            reward_raw=float(rollout.rewards_raw[valid].mean()),
            reward_normalized=float(rollout.rewards[valid].mean()),
            forced_fraction=forced_fraction,
            saturated=saturated,
            environment=environment,
        )


class Collector:
    """Fills one rollout buffer after the other; episodes run on in between.

    Args:
        lockstep: The environments.
        network: The policy that plays.
        observations: Scale of the observations; not changed but for its counts.
        rewards: Scale of the rewards; likewise.
        seed: Seed of the run; environments and sampling have generators of their own.
        clock: Told which phase is on.
        listener: Told what the policy thinks when it decides.
    """

    def __init__(
        self,
        lockstep: Lockstep,
        network: ActorCritic,
        *,
        observations: ObservationNormalizer,
        rewards: RewardNormalizer,
        seed: int,
        clock: PhaseClock | None = None,
        listener: DecisionListener | None = None,
    ) -> None:
        self._lockstep = lockstep
        self._network = network
        self._observations = observations
        self._rewards = rewards
        self._seed = seed
        self._clock = clock or PhaseClock()
        self._listener = listener or NoListener()
        self._generator = torch.Generator().manual_seed(derive_seed(seed, 0, "actions"))
        self._seen: list[Tensor] = []
        self._ended: list[tuple[float, int]] = []
        self.begin_episodes("environment")

    def begin_episodes(self, purpose: str) -> None:
        """Begin an episode in every environment and forget those that run.

        Args:
            purpose: What the environments' generators are for; another word, another seed.
        """
        num_envs = self._lockstep.num_envs
        self._now = self._lockstep.reset(seed=derive_seed(self._seed, 0, purpose))
        self._state = self._network.initial_state(num_envs)
        self._returns = np.zeros(num_envs)
        self._lengths = np.zeros(num_envs, np.int64)

    def collect(
        self,
        buffer: TamiyoRolloutBuffer,
        *,
        value_scale: ValueScale,
        should_stop: Callable[[], bool] = lambda: False,
        on_step: Callable[[], None] = lambda: None,
    ) -> Collected | None:
        """Fill a buffer; a partial rollout in it is gone on with.

        Args:
            buffer: Cleared, unless it is partial, filled and finished here.
            value_scale: What values are in raw rewards, for the listener.
            should_stop: Asked before every step; true leaves the rollout partial.
            on_step: Told of every step.

        Returns:
            The raw observations and the episodes that ended; ``None`` if it was stopped.

        Raises:
            ConfigError: If a mask leaves a head no legal choice, or the environment breaks what it
                announced.
        """
        if not buffer.is_partial:
            buffer.clear()
            self._seen, self._ended = [], []
        while not buffer.is_full:
            if should_stop():
                return None
            self._seen.append(torch.from_numpy(self._now.observations))
            self._ended.extend(self._step(buffer, value_scale))
            on_step()
        is_running = ~(self._now.starts | self._now.idle)
        buffer.finish(self._compute_values(self._now.observations, is_running))
        seen, ended = self._seen, self._ended
        self._seen, self._ended = [], []
        return Collected(
            observations=torch.stack(seen),
            returns=tuple(total for total, _ in ended),
            lengths=tuple(length for _, length in ended),
        )

    def state_dict(self) -> dict[str, Tensor]:
        """Return where every episode and a partial rollout stand, and the generator."""
        arrays = {**vars(self._now), "returns": self._returns, "lengths": self._lengths}
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        ended = torch.tensor(self._ended, dtype=torch.float64).reshape(-1, 2)
        partial = {"seen": torch.stack(self._seen), "ended": ended} if self._seen else {}
        state = {"state": self._state, "generator": self._generator.get_state()}
        return {**tensors, **partial, **state}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on where another collector stood; the environments must stand there too."""
        self.load_generator(state)
        self._state = state["state"]
        self._returns, self._lengths = state["returns"].numpy(), state["lengths"].numpy()
        self._seen = list(state["seen"]) if "seen" in state else []
        ended = state["ended"].tolist() if "ended" in state else []
        self._ended = [(total, int(length)) for total, length in ended]
        self._now = Moment(
            observations=state["observations"].numpy(),
            masks=state["masks"].numpy(),
            starts=state["starts"].numpy(),
            idle=state["idle"].numpy(),
        )

    def load_generator(self, state: Mapping[str, Tensor]) -> None:
        """Go on with the sampling of another collector, but not with its episodes."""
        self._generator.set_state(state["generator"])

    def _step(
        self, buffer: TamiyoRolloutBuffer, value_scale: ValueScale
    ) -> Iterator[tuple[float, int]]:
        """Store one step; return the sums of the episodes that ended."""
        now = self._now
        starts, masks = torch.from_numpy(now.starts), torch.from_numpy(now.masks)
        observations = self._observations.normalize(torch.from_numpy(now.observations))
        state = self._state.masked_fill(starts[:, None], 0.0)
        with self._clock.phase("policy"):
            result = self._network.act(
                observations,
                masks,
                state,
                deterministic=False,
                generator=self._generator,
                explained=len(self._listener.rows),
            )
        self._tell(result, value_scale)
        with self._clock.phase("environment"):
            outcome, self._now = self._lockstep.step(now, result.actions.numpy())
        self._state = result.state
        rewards = torch.from_numpy(outcome.rewards)
        buffer.add(
            observations=observations,
            masks=masks,
            actions=result.actions,
            log_probs=result.log_probs,
            values=result.values,
            rewards=self._rewards.normalize(rewards),
            rewards_raw=rewards,
            terminated=torch.from_numpy(outcome.terminated),
            truncated=torch.from_numpy(outcome.truncated),
            bootstrap_values=self._compute_values(outcome.final_observations, outcome.truncated),
            episode_starts=starts,
            states=state,
            valid=torch.from_numpy(~now.idle),
        )
        return self._sum_up(now.idle, outcome)

    def _tell(self, result: ActResult, value_scale: ValueScale) -> None:
        """Tell the listener what the policy thought."""
        for row in self._listener.rows:
            named = name_probabilities(
                self._lockstep.action_spec, result.actions[row], result.probabilities[row]
            )
            self._listener.hear(row, named, value_scale.apply(float(result.values[row])))

    def _compute_values(self, observations: Array, rows: Array) -> Tensor:
        """Value what some environments show with the state they carry; 0 for all others."""
        values = torch.zeros(len(rows))
        if rows.any():
            index = torch.from_numpy(np.flatnonzero(rows))
            seen = self._observations.normalize(torch.from_numpy(observations)[index])
            values[index] = self._network.value(seen, self._state[:, :, index])
        return values

    def _sum_up(self, idle: Array, outcome: Outcome) -> Iterator[tuple[float, int]]:
        self._returns += np.where(idle, 0.0, outcome.rewards)
        self._lengths += ~idle
        rows = outcome.ended
        ended = zip(self._returns[rows].tolist(), self._lengths[rows].tolist(), strict=True)
        self._returns[rows], self._lengths[rows] = 0.0, 0
        return ended


def fit_policy(policy: LearnedPolicy, env: VectorEnv[Any, Any, Any]) -> LearnedPolicy:
    """Return a policy for the number of slots of some environments.

    A slot is seen and chosen with the same weights whichever it is, so a policy that was trained on
    three slots acts on five; how well is another matter.

    Args:
        policy: The policy; it is not changed.
        env: The environments.

    Raises:
        ArtifactError: If the policy was trained for observations or actions that differ in more.
        ConfigError: If the environment cannot be worked with.
    """
    return policy.fit(Specs.read(env))


def play_episodes(
    policy: LearnedPolicy,
    env: VectorEnv[Any, Any, Any],
    *,
    episodes: int,
    seed: int,
    deterministic: bool = True,
) -> NDArray[np.float64]:
    """Play whole episodes with a policy that does not change.

    Episode ``k`` is the first one of an environment reset with seed ``seed + k``, so that equal
    seeds pair the episodes of two policies, whatever the number of environments, where row ``i`` of
    the environments draws from a generator seeded with ``seed + i`` alone.

    Args:
        policy: The policy, fitted to the environments' number of slots.
        env: The environments to play in.
        episodes: Number of episodes.
        seed: Seed of the first one, at least 0.
        deterministic: Take the most probable choices instead of drawing them.

    Returns:
        Sum of raw rewards of each episode, ``[episodes]``.

    Raises:
        ArtifactError: If the policy was trained for other observations or actions.
        ConfigError: If the environment cannot be worked with.
    """
    lockstep = Lockstep(env)
    check_specs(policy.specs, Specs(lockstep.action_spec, lockstep.observation_spec))
    generator = torch.Generator().manual_seed(derive_seed(seed, 0, "actions"))
    returns = []
    for first in range(0, episodes, lockstep.num_envs):
        now = lockstep.reset(seed=seed + first)
        state = policy.network.initial_state(lockstep.num_envs)
        sums = np.zeros(lockstep.num_envs)
        is_running = np.ones(lockstep.num_envs, np.bool_)
        while is_running.any():
            actions, state = policy.act(
                now.observations, now.masks, state, deterministic=deterministic, generator=generator
            )
            outcome, now = lockstep.step(now, actions)
            sums += np.where(is_running, outcome.rewards, 0.0)
            is_running &= ~outcome.ended
        returns.append(sums)
    return np.concatenate(returns)[:episodes]
