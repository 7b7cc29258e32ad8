"""SeedMemory: what epochs measured about seeds, and the gates that judge it.

The rules are those of a :class:`~tamiyo.model.TamiyoModel`, on arrays ``[N, S]`` of environments
and slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tamiyo.contracts import CONTRIBUTION_MEMORY, AlphaMode, SeedStage

if TYPE_CHECKING:
    from tamiyo.contracts import LifecycleConfig
    from tamiyo.observation import SeedArrays

__all__ = ["NEVER", "SeedMemory", "SeedReadings", "build_memory", "judge_gates", "take_in"]

Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NEVER: Final = -1
"""Epochs since a contribution was measured that never was."""


class SeedReadings(NamedTuple):
    """What one epoch measured about the seeds, each ``[N, S]``; NaN for what was not measured.

    Attributes:
        contribution: Gain of having a seed on, points.
        contribution_error: Its standard error, points.
        shadow_points: Gain of an incubating seed at its intended alpha, points.
        shadow_loss: The same as a reduction of the control loss, nats.
        gradient_norm: L2 norm of its gradient.
        gradient_health: Share of healthy gradients, in [0, 1].
    """

    contribution: Floats
    contribution_error: Floats
    shadow_points: Floats
    shadow_loss: Floats
    gradient_norm: Floats
    gradient_health: Floats


@dataclass(kw_only=True)
class SeedMemory:
    """What was measured about living seeds beyond ``SeedArrays``, each ``[N, S]``.

    Attributes:
        accuracy_before_blending: Control accuracy when blending began, points.
        contribution: Last measured gain of having the seed on, points.
        contribution_error: Its standard error, points.
        epochs_since_counterfactual: Validations since it was measured; -1 if it never was.
        shadow_points: Last measured shadow gain, points.
        shadow_loss: The same as a reduction of the control loss, nats.
        previous_gradient_health: Gradient health one epoch earlier.
    """

    accuracy_before_blending: Floats
    contribution: Floats
    contribution_error: Floats
    epochs_since_counterfactual: Ints
    shadow_points: Floats
    shadow_loss: Floats
    previous_gradient_health: Floats


def build_memory(num_envs: int, slots: int) -> SeedMemory:
    """Build the memory of slots without a seed."""

    def unmeasured() -> Floats:
        return np.full((num_envs, slots), np.nan)

    return SeedMemory(
        accuracy_before_blending=unmeasured(),
        contribution=unmeasured(),
        contribution_error=unmeasured(),
        epochs_since_counterfactual=np.full((num_envs, slots), NEVER),
        shadow_points=unmeasured(),
        shadow_loss=unmeasured(),
        previous_gradient_health=unmeasured(),
    )


def take_in(
    readings: SeedReadings, seeds: SeedArrays, memory: SeedMemory, *, control_accuracy: Floats
) -> None:
    """Note an epoch's measurements, in place.

    Args:
        readings: The measurements.
        seeds: The seeds.
        memory: What else is known of them.
        control_accuracy: Control accuracy of the whole network, points, ``[N]``.
    """
    _take_in_contribution(readings, seeds, memory)
    _keep_latest(memory.shadow_points, readings.shadow_points)
    _keep_latest(memory.shadow_loss, readings.shadow_loss)
    memory.previous_gradient_health[...] = seeds.gradient_health
    seeds.gradient_norm[...] = readings.gradient_norm
    seeds.gradient_health[...] = readings.gradient_health
    np.subtract(
        control_accuracy[:, np.newaxis],
        memory.accuracy_before_blending,
        out=seeds.improvement_points,
    )
    seeds.contribution[...] = np.where(
        seeds.stage == SeedStage.TRAINING, memory.shadow_points, memory.contribution
    )


def judge_gates(seeds: SeedArrays, memory: SeedMemory, config: LifecycleConfig) -> Bools:
    """Say whether the gate to each seed's next stage passes; what is unmeasured never does.

    Args:
        seeds: The seeds.
        memory: What else is known of them.
        config: The thresholds.

    Returns:
        Flags ``[N, S]``, False where no gate follows.
    """
    incubated = (
        (seeds.stage == SeedStage.TRAINING)
        & (seeds.epochs_in_stage >= config.min_training_epochs)
        & (memory.shadow_loss >= config.min_shadow_gain)
        & (seeds.gradient_health >= config.min_gradient_health)
    )
    blended = (
        (seeds.stage == SeedStage.BLENDING)
        & (seeds.epochs_in_stage >= config.min_blending_epochs)
        & (seeds.alpha_mode == AlphaMode.HOLD)
    )
    certain = memory.contribution - config.contribution_errors * memory.contribution_error
    worth_keeping = (
        (seeds.stage == SeedStage.HOLDING)
        & (memory.epochs_since_counterfactual == 0)
        & (memory.contribution >= config.min_fossilize_contribution)
        & (certain >= 0)
        & (seeds.improvement_points >= 0)
    )
    passed: Bools = (seeds.stage == SeedStage.GERMINATED) | incubated | blended | worth_keeping
    return passed


def _take_in_contribution(readings: SeedReadings, seeds: SeedArrays, memory: SeedMemory) -> None:
    is_measured = ~np.isnan(readings.contribution)
    velocity = seeds.contribution_velocity
    change = readings.contribution - memory.contribution
    smoothed = CONTRIBUTION_MEMORY * velocity + (1 - CONTRIBUTION_MEMORY) * change
    _keep_latest(velocity, np.where(np.isnan(velocity), change, smoothed))
    since = memory.epochs_since_counterfactual
    since += since != NEVER
    since[is_measured] = 0
    _keep_latest(memory.contribution, readings.contribution)
    np.copyto(memory.contribution_error, readings.contribution_error, where=is_measured)


def _keep_latest(kept: Floats, measured: Floats) -> None:
    """Replace what was measured anew."""
    np.copyto(kept, measured, where=~np.isnan(measured))
