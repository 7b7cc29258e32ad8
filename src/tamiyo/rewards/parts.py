"""Parts of the reward, each a pure function of a state, what was commanded, and what followed."""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import LIVE_STAGES, AlphaSpeed, AlphaTarget, LifecycleOp, SeedStage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tamiyo.contracts import (
        AdaptationCommand,
        HostReport,
        SeedReport,
        SlotReport,
        TaskConfig,
    )

__all__ = [
    "compute_intervention_cost",
    "compute_rent",
    "compute_shock",
    "compute_stage_potential",
    "compute_synergy",
]

_STAGE_WORTH: Final[Mapping[SeedStage, float]] = MappingProxyType(
    {
        SeedStage.GERMINATED: 0.1,
        SeedStage.TRAINING: 0.2,
        SeedStage.BLENDING: 0.4,
        SeedStage.HOLDING: 0.6,
        SeedStage.FOSSILIZED: 1.0,
    }
)
"""How far a seed has come; a slot without one, or cooling down, is worth 0."""


def compute_stage_potential(host: HostReport) -> float:
    """Sum over all slots how far their seeds have come, each in [0, 1].

    Args:
        host: The host with its slots.
    """
    return sum(
        0.0 if slot.stage is None else _STAGE_WORTH.get(slot.stage, 0.0) for slot in host.slots
    )


def compute_rent(host: HostReport, task: TaskConfig) -> float:
    """Return the rent of one decision's epoch, points, at least 0.

    Over all decisions a network of constant size pays what the score takes off it once.

    Args:
        host: The host after the step.
        task: Its rent and number of decisions.
    """
    grown = math.log(host.parameters / host.host_parameters)
    return task.rent_points * max(grown, 0.0) / task.decision_epochs


def compute_intervention_cost(command: AdaptationCommand) -> float:
    """Return 1 for every op but WAIT."""
    return float(command.op != LifecycleOp.WAIT)


def compute_shock(before: HostReport, command: AdaptationCommand, after: HostReport) -> float:
    """Return how abruptly a command changes the network: the squared change of alpha per epoch.

    A change by ``d`` over ``n`` epochs is ``n`` changes by ``d / n``, together ``d**2 / n``. A
    change of style lets the old one out and the new one in, and both count. The first ramp counts
    when it begins: with the ADVANCE into BLENDING, not with the germination that chose it.

    Args:
        before: The host when it was commanded.
        command: What was carried out.
        after: The host after the step, which tells the ramp that began.

    Returns:
        At least 0; 1 is a seed at full alpha that is gone within an epoch.
    """
    if command.slot_id is None:
        return 0.0
    seed = before.slot(command.slot_id).seed
    if command.op == LifecycleOp.PRUNE and seed is not None:
        return seed.alpha.alpha**2 / _count_epochs(command.alpha_speed)
    if command.op == LifecycleOp.SET_ALPHA_TARGET and seed is not None:
        return _compute_retarget_shock(seed, command)
    if command.op == LifecycleOp.ADVANCE and before.slot(command.slot_id).stage not in LIVE_STAGES:
        return _compute_first_shock(after.slot(command.slot_id))
    return 0.0


def compute_synergy(interactions: Iterable[float]) -> float:
    """Sum the positive interactions of a seed, points; what is not finite is unknown and left out.

    Args:
        interactions: What was measured of it with each of the seeds that count, points.

    >>> compute_synergy([2.0, -3.0, 0.5])
    2.5
    """
    return sum(points for points in interactions if 0 < points < math.inf)


def _compute_first_shock(slot: SlotReport) -> float:
    """Return the shock of a ramp from alpha 0; a seed that still incubates has none."""
    if slot.seed is None or slot.stage not in LIVE_STAGES:
        return 0.0
    return slot.seed.alpha.target**2 / max(1, slot.seed.alpha.steps_total)


def _compute_retarget_shock(seed: SeedReport, command: AdaptationCommand) -> float:
    target, alpha = _read_target(command), seed.alpha.alpha
    epochs = _count_epochs(command.alpha_speed)
    if command.style is not None and command.style != seed.style:
        return (alpha**2 + target**2) / epochs
    return (target - alpha) ** 2 / epochs


def _read_target(command: AdaptationCommand) -> float:
    return (AlphaTarget.FULL if command.alpha_target is None else command.alpha_target).alpha


def _count_epochs(speed: AlphaSpeed | None) -> int:
    return 1 if speed is None else max(1, speed.epochs)
