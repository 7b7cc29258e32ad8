"""SurrogateWorld: synthetic hosts with their seeds, many at once, as one step changes them.

Nothing here draws: what is random of an episode was drawn when it began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from tamiyo.contracts import LIVE_STAGES, Blueprint, SeedStage
from tamiyo.controller import TrackerConfig
from tamiyo.environment.surrogate.course import CourseTracker
from tamiyo.environment.surrogate.curves import (
    SeedState,
    compute_host_accuracy,
    compute_learning_rates,
    compute_rent,
    compute_score,
    measure,
)
from tamiyo.environment.surrogate.draws import draw_episode
from tamiyo.environment.surrogate.lifecycle import LifecycleArrays
from tamiyo.environment.surrogate.memory import SeedReadings
from tamiyo.environment.surrogate.needs import SEEDS
from tamiyo.observation import HostArrays, SizeArrays

if TYPE_CHECKING:
    from tamiyo.environment.surrogate.config import SurrogateConfig
    from tamiyo.environment.surrogate.curves import Measurement

__all__ = ["SurrogateWorld"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_LEARNING: Final = [SeedStage.TRAINING, *LIVE_STAGES, SeedStage.FOSSILIZED]


class SurrogateWorld:
    """The hosts of all environments; every array is changed in place.

    Attributes:
        config: The family of hosts.
        draws: What is random of the episodes under way.
        lifecycle: Slots and seeds.
        tracker: The course of training.
        arrays: Both, with the sizes: what masks and observations are made of.
        learned: Share of what it can learn that each seed has learned, ``[N, S]``.
        nats_per_point: Reduction of the loss that goes with a point of gain.
        committed_points: What the committed seeds are worth as measured, less their rent, points;
            0 without any, ``[N]``.

    Args:
        num_envs: Environments, N.
        config: The family of hosts.
    """

    def __init__(self, num_envs: int, config: SurrogateConfig) -> None:
        self.config = config
        # Stand-ins of the right shape: an episode begins with draws of its own.
        stand_in = draw_episode(config, np.random.default_rng(0))
        self.draws = stand_in.take(np.zeros(num_envs, dtype=np.int64))
        self.lifecycle = LifecycleArrays(num_envs, config.slots, config.lifecycle)
        task = config.task
        assert task.batches_per_epoch is not None
        self.tracker = CourseTracker(
            num_envs, TrackerConfig(), batches_per_epoch=task.batches_per_epoch
        )
        self.nats_per_point = (task.initial_loss - task.target_loss) / 100
        self.arrays = HostArrays(
            course=self.tracker.course,
            seeds=self.lifecycle.seeds,
            sizes=_build_sizes(num_envs, config),
        )
        self.learned = np.zeros((num_envs, config.slots))
        self.committed_points = np.zeros(num_envs)

    @property
    def epoch(self) -> Ints:
        """Epochs completed, ``[N]``."""
        return self.tracker.course.epoch

    @property
    def is_committed(self) -> Bools:
        """Where a fossilized seed is, ``[N, S]``."""
        committed: Bools = self.lifecycle.seeds.stage == SeedStage.FOSSILIZED
        return committed

    def begin(self, environments: Bools) -> None:
        """Begin new episodes, whose draws are in place, with the validation before training.

        Args:
            environments: Which ones, ``[N]``.
        """
        self.lifecycle.reset(environments)
        self.learned[environments] = 0
        self.committed_points[environments] = 0
        self.count_parameters()
        epoch = np.where(environments, 0, self.epoch)
        self.tracker.begin(environments, measure(self.config, self.draws, epoch, self._state()))

    def step(self, actions: Ints) -> None:
        """Carry out legal commands, let time pass, train one epoch and measure.

        Args:
            actions: One index per head, unused heads neutral, ``[N, heads]``.
        """
        course, seeds = self.tracker.course, self.lifecycle.seeds
        self.lifecycle.execute(actions, control_accuracy=course.control_accuracy)
        self.lifecycle.tick()
        learns = np.isin(seeds.stage, _LEARNING)
        rates = compute_learning_rates(seeds.blueprint)
        self.learned[...] = np.where(learns, self.learned + rates * (1 - self.learned), 0.0)
        measured = measure(self.config, self.draws, self.epoch + 1, self._state())
        readings = self._read_seeds(measured, learns)
        self.lifecycle.finish_epoch(readings, control_accuracy=measured.control_accuracy)
        seeds.interaction_sum[...] = measured.interaction
        seeds.boost[...] = measured.boost
        self.tracker.update(measured)
        self.count_parameters()
        self._judge_committed(measured)

    def count_parameters(self) -> None:
        """Count the parameters of hosts and living seeds anew."""
        sizes, lifecycle = self.arrays.sizes, self.lifecycle
        blueprints = lifecycle.seeds.blueprint[..., np.newaxis]
        added = np.take_along_axis(sizes.blueprint_parameters, blueprints, axis=2)[..., 0]
        gates = sizes.gate_parameters * lifecycle.has_gate
        sizes.parameters[...] = sizes.host_parameters + (added + gates).sum(axis=1)

    def compute_score(self) -> Floats:
        """Return the score of each committed network after the closing epochs, points, ``[N]``."""
        return compute_score(self.config, self.draws, self._state())

    def compute_host_score(self) -> Floats:
        """Return the score of each host had it never grown, points, ``[N]``."""
        last = np.full(len(self.epoch), self.config.max_epochs)
        return compute_host_accuracy(self.draws, last)

    def count_committed_parameters(self) -> Ints:
        """Return the parameters of each committed network, ``[N]``."""
        _, added = compute_rent(self.config, self.is_committed, self._state())
        parameters: Ints = self.arrays.sizes.host_parameters + added
        return parameters

    def collect_state(self) -> dict[str, NDArray[Any]]:
        """Return every array that changes, by name; filling them in place restores the world.

        The parameters have to be counted anew.
        """
        records = {
            "draws": self.draws,
            "seeds": self.lifecycle.seeds,
            "memory": self.lifecycle.memory,
            "ramps": self.lifecycle.ramps,
            "clocks": self.lifecycle.clocks,
            "course": self.tracker.course,
            "losses": self.tracker.losses,
        }
        arrays = {
            f"{record}.{name}": array
            for record, owner in records.items()
            for name, array in vars(owner).items()
        }
        return arrays | {"learned": self.learned, "committed_points": self.committed_points}

    def _state(self) -> SeedState:
        seeds = self.lifecycle.seeds
        return SeedState(
            stage=seeds.stage,
            blueprint=seeds.blueprint,
            style=seeds.style,
            alpha=seeds.alpha,
            target=self.lifecycle.ramps.first_target,
            learned=self.learned,
        )

    def _read_seeds(self, measured: Measurement, learns: Bools) -> SeedReadings:
        """Lay out what was measured about the seeds; a fossil's contribution no longer is."""
        unknown = np.where(learns, 0.0, np.nan)
        return SeedReadings(
            contribution=np.where(self.is_committed, np.nan, measured.contribution),
            contribution_error=np.full(learns.shape, self.config.noise_points),
            shadow_points=measured.shadow_gain,
            shadow_loss=self.nats_per_point * measured.shadow_gain,
            gradient_norm=1 - self.learned + unknown,
            gradient_health=1 + unknown,
        )

    def _judge_committed(self, measured: Measurement) -> None:
        rent, _ = compute_rent(self.config, self.is_committed, self._state())
        gain = measured.committed_accuracy - compute_host_accuracy(self.draws, self.epoch)
        self.committed_points[...] = np.where(self.is_committed.any(axis=1), gain - rent, 0.0)


def _build_sizes(num_envs: int, config: SurrogateConfig) -> SizeArrays:
    offered = np.full(len(Blueprint), -1)
    offered[Blueprint.NOOP] = 0
    for blueprint in config.blueprints:
        offered[blueprint] = SEEDS[blueprint].parameters
    budget = np.inf if config.max_parameters is None else config.max_parameters
    return SizeArrays(
        host_parameters=np.full(num_envs, config.host_parameters),
        parameters=np.full(num_envs, config.host_parameters),
        max_parameters=np.full(num_envs, budget, dtype=np.float64),
        blueprint_parameters=np.tile(offered, (num_envs, config.slots, 1)),
        gate_parameters=np.full((num_envs, config.slots), config.gate_parameters),
        min_prune_age_epochs=np.full(num_envs, config.lifecycle.min_prune_age_epochs),
    )
