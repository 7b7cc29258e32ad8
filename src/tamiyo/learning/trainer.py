"""Collect, learn, repeat: the loop around the update, with everything a checkpoint must hold."""

from __future__ import annotations

from collections import deque
from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import torch

from tamiyo.contracts import (
    AlarmRaised,
    ArtifactError,
    NullSink,
    UpdateCompleted,
    UpdateReport,
    check_at_least,
    check_at_most,
    decoding,
    derive_seed,
    encode_record,
)
from tamiyo.learning.buffer import TamiyoRolloutBuffer
from tamiyo.learning.checkpoint import (
    Checkpoint,
    LearnedPolicy,
    check_training,
    decode_report,
)
from tamiyo.learning.collecting import Collector
from tamiyo.learning.lockstep import Lockstep
from tamiyo.learning.normalizers import (
    Normalization,
    ObservationNormalizer,
    RewardNormalizer,
    ValueScale,
)
from tamiyo.learning.ppo import PPO, PPOConfig
from tamiyo.learning.specs import Specs, check_specs
from tamiyo.learning.watching import PhaseClock, find_alarms
from tamiyo.policy import ActorCritic, NetworkConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from gymnasium.vector import VectorEnv
    from torch import Tensor, nn

    from tamiyo.contracts import EventSink
    from tamiyo.learning.collecting import Collected
    from tamiyo.learning.watching import DecisionListener

__all__ = ["DEFAULT_ROLLOUT_STEPS", "Trainer", "TrainerConfig"]

_MOST_ROLLOUT_STEPS: Final = 100_000

DEFAULT_ROLLOUT_STEPS: Final = 128
"""Steps of a rollout where the environment does not say how long an episode is."""


@dataclass(frozen=True, kw_only=True)
class TrainerConfig:
    """How a controller is trained.

    Attributes:
        total_steps: Environment steps, over all environments; the last rollout is not cut short.
        rollout_steps: Steps per rollout and environment; if not given, those of an episode where
            the environment says how many these are, else 128.
        normalize_observations: Whether observations are brought to unit scale.
        network: Size of the network.
        ppo: How an update learns.
    """

    total_steps: int = 400_000
    rollout_steps: int | None = None
    normalize_observations: bool = True
    network: NetworkConfig = field(default_factory=NetworkConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)

    def __post_init__(self) -> None:
        """Refuse an empty run or rollout.

        Raises:
            ConfigError: If there is no step, or a rollout is longer than any use for it.
        """
        smallest = {"total_steps": 1} | ({} if self.rollout_steps is None else {"rollout_steps": 1})
        check_at_least(self, smallest)
        check_at_most(self, {"rollout_steps": _MOST_ROLLOUT_STEPS})


class Trainer:
    """Trains one controller.

    Args:
        env: Environments in lockstep, with an action that is Discrete or MultiDiscrete, and an
            observation that is a Box with one axis.
        config: How to train.
        seed: Seed of the run; network, sampling, minibatches and environments derive theirs.
        sink: Where the reports of the updates go.
        check_invariants: Check before every update that the rollout is coherent (slow).
        on_step: Told, after every step of the environments, how many were made in all.
        clock: Told which phase is on: policy, environment or update.
        listener: Told what the policy thinks when it decides.

    Raises:
        ConfigError: If the environment cannot be worked with, or has fewer environments than there
            are minibatches.

    Attributes:
        network: The controller's network.
        specs: What it is made for.
        buffer: The newest rollout.
        updates: Updates made.
        steps: Environment steps made.
    """

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        config: TrainerConfig,
        *,
        seed: int,
        sink: EventSink | None = None,
        check_invariants: bool = False,
        on_step: Callable[[int], None] = lambda _steps: None,
        clock: PhaseClock | None = None,
        listener: DecisionListener | None = None,
    ) -> None:
        self.updates = 0
        self.steps = 0
        self._config = config
        self._seed = seed
        self._sink = sink or NullSink()
        self._on_step = on_step
        self._clock = clock or PhaseClock()
        self._history: deque[UpdateReport] = deque(maxlen=4)
        self._lockstep = lockstep = Lockstep(env)
        self.specs = Specs(lockstep.action_spec, lockstep.observation_spec)
        self.network = ActorCritic(
            lockstep.observation_spec,
            lockstep.action_spec,
            config.network,
            generator=_make_generator(seed, "network"),
        )
        self._dealing = _make_generator(seed, "minibatches")
        self._ppo = PPO(self.network, lockstep.action_spec, config.ppo)
        self._observations = ObservationNormalizer(lockstep.observation_spec)
        self._rewards = RewardNormalizer(lockstep.num_envs, gamma=config.ppo.gamma)
        self._collector = Collector(
            lockstep,
            self.network,
            observations=self._observations,
            rewards=self._rewards,
            seed=seed,
            clock=self._clock,
            listener=listener,
        )
        state = self.network.initial_state(lockstep.num_envs)
        self.buffer = TamiyoRolloutBuffer(
            steps=config.rollout_steps or lockstep.episode_length or DEFAULT_ROLLOUT_STEPS,
            num_envs=lockstep.num_envs,
            observation=lockstep.observation_spec,
            actions=lockstep.action_spec,
            state_shape=(state.shape[1], state.shape[3]),
            check_invariants=check_invariants,
        )
        self.buffer.count_minibatches(config.ppo.minibatches)  # it refuses too many

    @property
    def is_finished(self) -> bool:
        """Whether all steps are made."""
        return self.steps >= self._config.total_steps

    @property
    def policy(self) -> LearnedPolicy:
        """A copy of the policy as it is now."""
        return LearnedPolicy(
            network=deepcopy(self.network),
            normalizer=deepcopy(self._observations),
            specs=self.specs,
            episode_length=self._lockstep.episode_length,
            value_scale=self._read_value_scale(),
        )

    def start_from(self, policy: LearnedPolicy) -> None:
        """Take over what another training learned, before the first update.

        Network and scale of the observations are taken over; the optimizer and all else begin anew.

        Args:
            policy: The policy, of a network of the same size.

        Raises:
            ArtifactError: If it was made for other observations or actions, or its network has
                another size.
        """
        check_specs(policy.specs, self.specs)
        if policy.network.config != self.network.config:
            message = (
                f"network must be {policy.network.config} as that of the policy to start from, "
                f"got {self.network.config}"
            )
            raise ArtifactError(message)
        self.network.load_state_dict(policy.network.state_dict())
        self._observations.load_state_dict(policy.normalizer.state_dict())

    def train(
        self, *, updates: int | None = None, should_stop: Callable[[], bool] = lambda: False
    ) -> None:
        """Train until all steps are made.

        Args:
            updates: Stop after so many updates.
            should_stop: Asked before every step of the environments; stop when it says so.
        """
        first = self.updates
        while not (self.is_finished or self.updates - first == updates):
            if self.update(should_stop) is None:
                break

    def update(self, should_stop: Callable[[], bool] = lambda: False) -> UpdateReport | None:
        """Collect one rollout and learn from it; the report goes to the sink as well.

        Args:
            should_stop: Asked before every step; true leaves the rollout partial, and the next call
                goes on with it.

        Returns:
            What came of it; ``None`` if it was stopped.

        Raises:
            ConfigError: If the environment breaks what it announced.
            InvariantError: If a loss is not finite or the optimizer never stepped.
        """
        progress = min(1.0, self.steps / self._config.total_steps)
        learning_rate, entropy_coefficient = self._config.ppo.anneal(progress)
        collected = self.collect(should_stop)
        if collected is None:
            return None
        with self._clock.phase("update"):
            parts = self._ppo.update(
                self.buffer,
                learning_rate=learning_rate,
                entropy_coefficient=entropy_coefficient,
                generator=self._dealing,
            )
        self.updates += 1
        rollout = collected.describe(
            self.buffer.rollout,
            forced_fraction=parts.forced_fraction,
            saturated=self._lockstep.saturated()
            | self._observations.saturated()
            | self._rewards.saturated(),
            environment=self._lockstep.metrics(),
        )
        report = parts.report(rollout, update=self.updates, steps=self.steps)
        alarms = find_alarms(report, tuple(self._history))
        report = replace(report, alarms=tuple(message for _, message in alarms))
        self._history.append(report)
        self._rescale(collected)
        self._sink.emit(UpdateCompleted(report=report))
        for kind, message in alarms:
            self._sink.emit(AlarmRaised(kind=kind, message=message, steps=self.steps))
        return report

    def collect(self, should_stop: Callable[[], bool] = lambda: False) -> Collected | None:
        """Collect one rollout into the buffer.

        Args:
            should_stop: As for :meth:`update`.

        Raises:
            ConfigError: If the environment breaks what it announced.
        """
        if not self.buffer.is_partial:
            self._lockstep.reset_counts()
        collected = self._collector.collect(
            self.buffer,
            value_scale=self._read_value_scale(),
            should_stop=should_stop,
            on_step=lambda: self._on_step(self.steps + self.buffer.valid_steps),
        )
        if collected is not None:
            self.steps += self.buffer.valid_steps
        return collected

    def encode_checkpoint(self, **notes: int) -> bytes:
        """Return the content of a checkpoint file, whole and without a pickle.

        Where the environment offers ``state_dict``, training goes on from it as if it had never
        stopped, a partial rollout included; elsewhere that is dropped and the episodes that run
        begin anew.

        Args:
            **notes: What the caller wants to find again in the facts of the :class:`Checkpoint`.
        """
        stateful = self._lockstep.stateful
        state = stateful.state_dict() if stateful else {}
        groups = {name: module.state_dict() for name, module in self._modules().items()}
        groups |= {
            "optimizer": self._ppo.optimizer.flat_state_dict(),
            "collector": self._collector.state_dict(),
            "environment": {name: torch.from_numpy(array) for name, array in state.items()},
            "rollout": self.buffer.state_dict() if stateful else {},
            "trainer": {"dealing": self._dealing.get_state()},
        }
        facts = {
            **self._describe(),
            "specs": self.specs.encode(),
            "episode_length": self._lockstep.episode_length,
            "updates": self.updates,
            "steps": self.steps,
            "notes": notes,
            "history": [encode_record(report) for report in self._history],
        }
        return Checkpoint(groups=groups, facts=facts).encode()

    def load_checkpoint(self, path: Path | str) -> None:
        """Go on where the trainer that saved a checkpoint stood.

        Args:
            path: File with what :meth:`encode_checkpoint` returned.

        Raises:
            ArtifactError: If the file is missing, truncated or no checkpoint, holds a policy alone,
                or is of another run: other environments, another seed or other settings.
        """
        checkpoint = Checkpoint.load(path)
        with decoding(f"checkpoint {path}"):
            check_specs(Specs.decode(checkpoint.facts["specs"]), self.specs)
            check_training(checkpoint, self._describe())
            self._take_over(checkpoint.groups, checkpoint.facts)

    def _take_over(
        self, groups: Mapping[str, Mapping[str, Tensor]], facts: Mapping[str, Any]
    ) -> None:
        """Stand where the trainer stood that a checkpoint of the same training is of."""
        for name, module in self._modules().items():
            module.load_state_dict(groups[name])
        self._ppo.optimizer.load_flat_state_dict(groups.get("optimizer", {}))
        self._dealing.set_state(groups["trainer"]["dealing"])
        self.updates, self.steps = facts["updates"], facts["steps"]
        self._history.extend(decode_report(report) for report in facts["history"])
        stateful = self._lockstep.stateful
        if stateful:
            arrays = {name: tensor.numpy() for name, tensor in groups["environment"].items()}
            stateful.load_state_dict(arrays)
            self._collector.load_state_dict(groups["collector"])
            self.buffer.load_state_dict(groups.get("rollout", {}))
        else:
            self._collector.load_generator(groups["collector"])
            self._collector.begin_episodes(f"environment after update {self.updates}")
            self._rewards.returns.zero_()

    def _read_value_scale(self) -> ValueScale:
        return ValueScale.read(self._ppo.value_normalizer.state_dict(), self._rewards.state_dict())

    def _modules(self) -> dict[str, nn.Module]:
        return {
            "network": self.network,
            "observation_normalizer": self._observations,
            "reward_normalizer": self._rewards,
            "value_normalizer": self._ppo.value_normalizer,
        }

    def _describe(self) -> dict[str, Any]:
        """Say what a checkpoint must agree on, in JSON values."""
        return {
            "environment": self._lockstep.name,
            "environment_config": self._lockstep.settings,
            "num_envs": self._lockstep.num_envs,
            "seed": self._seed,
            "config": encode_record(self._config),
        }

    def _rescale(self, collected: Collected) -> None:
        """Let the normalizers take in the rollout, now that it is learned from."""
        rollout = self.buffer.rollout
        if self._config.normalize_observations:
            self._observations.update(collected.observations[rollout.valid])
        if self._config.ppo.normalization == Normalization.REWARDS:
            self._rewards.update(rollout.rewards_raw, ended=rollout.ended, valid=rollout.valid)
        self._observations.reset_counts()
        self._rewards.reset_counts()


def _make_generator(seed: int, purpose: str) -> torch.Generator:
    return torch.Generator().manual_seed(derive_seed(seed, 0, purpose))
