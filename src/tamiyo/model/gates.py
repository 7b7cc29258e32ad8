"""The gates between stages: each returns every number it looked at; unmeasured never passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamiyo.contracts import (
    NEXT_GATES,
    AlphaMode,
    GateCheck,
    GateLevel,
    GateVerdict,
    LifecycleConfig,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tamiyo.model.seed import Seed

__all__ = ["judge_gate"]


def judge_gate(seed: Seed, config: LifecycleConfig) -> GateVerdict | None:
    """Judge the gate to a seed's next stage from what has been measured about it.

    Args:
        seed: The seed.
        config: The thresholds.

    Returns:
        The verdict, or ``None`` for a fossilized seed, after which no stage comes.
    """
    gate = NEXT_GATES.get(seed.stage)
    if gate is None:
        return None
    return GateVerdict(gate=gate, checks=_CHECKS[gate](seed, config))


def _check(name: str, measured: float | None, required: float) -> GateCheck:
    passed = measured is not None and measured >= required
    return GateCheck(name=name, measured=measured, required=required, passed=passed)


def _germinated(_seed: Seed, _config: LifecycleConfig) -> tuple[GateCheck, ...]:
    return ()


def _incubated(seed: Seed, config: LifecycleConfig) -> tuple[GateCheck, ...]:
    gain = seed.measured.shadow_gain
    return (
        _check("epochs_in_stage", seed.epochs_in_stage, config.min_training_epochs),
        _check("shadow_gain", None if gain is None else gain.loss, config.min_shadow_gain),
        _check("gradient_health", seed.measured.gradient_health, config.min_gradient_health),
    )


def _blended(seed: Seed, config: LifecycleConfig) -> tuple[GateCheck, ...]:
    steady = float(seed.schedule.mode == AlphaMode.HOLD)
    return (
        _check("epochs_in_stage", seed.epochs_in_stage, config.min_blending_epochs),
        _check("alpha_at_target", steady, 1),
    )


def _worth_keeping(seed: Seed, config: LifecycleConfig) -> tuple[GateCheck, ...]:
    contribution = seed.measured.contribution
    points = error = None
    if contribution is not None and seed.epochs_since_counterfactual == 0:
        points, error = contribution.points, contribution.points_error
    certain = (
        None if points is None or error is None else points - config.contribution_errors * error
    )
    return (
        _check("contribution_points", points, config.min_fossilize_contribution),
        _check("contribution_beyond_error", certain, 0.0),
        _check("improvement_points", seed.improvement_points, 0.0),
    )


_CHECKS: Final[Mapping[GateLevel, Callable[[Seed, LifecycleConfig], tuple[GateCheck, ...]]]] = {
    GateLevel.G1: _germinated,
    GateLevel.G2: _incubated,
    GateLevel.G3: _blended,
    GateLevel.G5: _worth_keeping,
}
