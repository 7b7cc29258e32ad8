"""Many environments at one moment, as features read them, with the scales of their task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tamiyo.contracts import (
    AlphaMode,
    AlphaSpeed,
    Blueprint,
    ConfigError,
    SeedStage,
    Style,
    Tempo,
)
from tamiyo.observation.arrays import FREE, find_living

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tamiyo.contracts import TaskConfig
    from tamiyo.observation.arrays import Floats, HostArrays

__all__ = ["LONGEST_RAMP", "Moment"]

LONGEST_RAMP: Final = max(choice.epochs for choice in (*Tempo, *AlphaSpeed))
"""Epochs of the slowest ramp."""

# A free slot stands at DORMANT, in which none rests.
_STAGE_ROWS: Final = {FREE: SeedStage.DORMANT} | {stage: stage for stage in SeedStage}
_STAGE_ONE_HOT: Final = np.array(
    [
        [_STAGE_ROWS.get(value) == stage for stage in SeedStage]
        for value in range(FREE, max(SeedStage) + 1)
    ]
)
_BLUEPRINT_ONE_HOT: Final = np.eye(len(Blueprint), dtype=np.bool_)
_TEMPO_EPOCHS: Final = np.array([tempo.epochs for tempo in Tempo])
_ALGORITHMS: Final = np.array([style.algorithm for style in Style])


class Moment:
    """Arrays of many environments together with what several features share.

    Args:
        arrays: What is known about the environments.
        task: What is scaled by.
        total_steps: Optimizer steps of an episode.

    Raises:
        StageError: If a stage is none of the ten; the message names slot and environment.
    """

    def __init__(self, arrays: HostArrays, task: TaskConfig, total_steps: int) -> None:
        self.course = arrays.course
        self.seeds = seeds = arrays.seeds
        self.sizes = arrays.sizes
        self.task = task
        self.total_steps = total_steps
        # Where the target is more than half the initial loss it is the longer unit: so in every
        # task a loss of 0 is at least -1, and 1.5 times the initial loss is at most 2.
        self.loss_range = max(task.initial_loss - task.target_loss, task.target_loss)
        self.is_living = find_living(seeds)
        self.alpha: Floats = np.where(self.is_living, seeds.alpha, 0.0)
        self.is_ramping = seeds.alpha_mode != AlphaMode.HOLD
        self.steps_left = np.where(self.is_ramping, seeds.steps_total - seeds.steps_done, 0)

    @property
    def stage_one_hot(self) -> NDArray[np.bool_]:
        """Which of the ten stages each slot is in, ``[N, S, 10]``."""
        return _STAGE_ONE_HOT.take(self.seeds.stage.astype(np.intp) - FREE, axis=0)

    @property
    def blueprint_one_hot(self) -> NDArray[np.bool_]:
        """What each living seed was built from, else NOOP, ``[N, S, 13]``.

        Raises:
            ConfigError: If a living seed's blueprint is not registered.
        """
        blueprint = np.where(self.is_living, self.seeds.blueprint, Blueprint.NOOP)
        for environment, slot in np.argwhere((blueprint < 0) | (blueprint >= len(Blueprint))):
            message = (
                f"blueprint of slot {slot} in environment {environment} must be in "
                f"[0, {len(Blueprint)}), got {blueprint[environment, slot]}"
            )
            raise ConfigError(message)
        return _BLUEPRINT_ONE_HOT.take(blueprint, axis=0)

    @property
    def tempo_epochs(self) -> NDArray[np.int64]:
        """Epochs of each seed's first ramp, ``[N, S]``."""
        return _TEMPO_EPOCHS.take(self.seeds.tempo, mode="clip")

    @property
    def algorithm(self) -> NDArray[np.int64]:
        """How each seed is composed, a value of ``AlphaAlgorithm``, ``[N, S]``."""
        return _ALGORITHMS.take(self.seeds.style, mode="clip")

    @property
    def alpha_velocity(self) -> Floats:
        """Mean change of alpha per epoch over what is left of a ramp; 0 when steady, ``[N, S]``."""
        distance = np.where(self.is_ramping, self.seeds.alpha_target - self.seeds.alpha, 0.0)
        return distance / np.maximum(self.steps_left, 1)
