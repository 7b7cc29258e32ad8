"""What is known about many environments at one moment, one array per quantity.

Axis 0 of every array is the environment (N), axis 1 of a seed's quantity the slot (S), in the order
of the slot head. ``NaN`` means *not measured*.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from tamiyo.contracts import (
    COOLDOWN_STAGES,
    AlphaMode,
    Blueprint,
    SeedStage,
    ShapeError,
    Style,
    Tempo,
    parse_stage,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tamiyo.contracts import (
        HostReport,
        InteractionReport,
        SeedReport,
        TrainingSignals,
    )

__all__ = [
    "FREE",
    "HISTORY_EPOCHS",
    "LIVING_STAGES",
    "CourseArrays",
    "Flags",
    "Floats",
    "HostArrays",
    "Integers",
    "SeedArrays",
    "SizeArrays",
    "build_free_slots",
    "find_living",
    "gather_arrays",
]

FREE: Final = -1
"""Stands in for the stage of a free slot."""

HISTORY_EPOCHS: Final = 5
"""Epochs of loss and accuracy that an observation remembers."""

LIVING_STAGES: Final = (
    frozenset(SeedStage) - COOLDOWN_STAGES - {SeedStage.UNKNOWN, SeedStage.DORMANT}
)
"""Stages in which a slot holds a seed."""

Floats = NDArray[np.float64]
Integers = NDArray[np.signedinteger]
Flags = NDArray[np.bool_]


@dataclass(kw_only=True)
class CourseArrays:
    """The course of training.

    Attributes:
        epoch: Epochs completed, ``[N]``.
        global_step: Optimizer steps completed, ``[N]``.
        train_loss: Mean training loss of the epoch, nats, ``[N]``.
        control_loss: Loss on the control split, nats, ``[N]``.
        loss_delta: Previous control loss minus this one, nats, ``[N]``.
        train_accuracy: Training accuracy, points, ``[N]``.
        control_accuracy: Control accuracy, points, ``[N]``.
        accuracy_delta: This control accuracy minus the previous one, points, ``[N]``.
        plateau_epochs: Epochs in a row without progress, ``[N]``.
        best_accuracy: Best control accuracy so far, points, ``[N]``.
        best_loss: Best control loss so far, nats, ``[N]``.
        loss_history: The last control losses, oldest first, right-aligned, ``[N, 5]``.
        accuracy_history: The last control accuracies, likewise, ``[N, 5]``.
    """

    epoch: Integers
    global_step: Integers
    train_loss: Floats
    control_loss: Floats
    loss_delta: Floats
    train_accuracy: Floats
    control_accuracy: Floats
    accuracy_delta: Floats
    plateau_epochs: Integers
    best_accuracy: Floats
    best_loss: Floats
    loss_history: Floats
    accuracy_history: Floats


@dataclass(kw_only=True)
class SeedArrays:
    """The slots and their seeds, each ``[N, S]``; only ``stage`` counts where no seed lives.

    Attributes:
        stage: Value of ``SeedStage``; -1 where the slot is free.
        blueprint: Value of ``Blueprint``.
        style: Value of ``Style``.
        tempo: Value of ``Tempo``.
        alpha: Influence now, in [0, 1].
        alpha_target: Alpha the schedule leads to or rests at, in [0, 1].
        alpha_mode: Value of ``AlphaMode``.
        steps_total: Epochs of the present ramp; 0 if there never was one.
        steps_done: Epochs of it that are over.
        age_epochs: Validations since the seed germinated.
        epochs_in_stage: Validations since it entered its stage.
        gate_passed: Whether the gate to the next stage passes.
        contribution: What the network gains by the seed, points; the shadow gain in TRAINING.
        contribution_velocity: Smoothed change of the contribution, points per epoch.
        interaction_sum: Sum of the interactions with the other seeds, points.
        boost: Largest positive interaction, points; 0 if none is positive.
        improvement_points: Change of the control accuracy since blending began, points.
        gradient_norm: L2 norm of the gradient over the seed's parameters.
        gradient_health: In [0, 1]; 1 means no gradient vanishes or explodes.
    """

    stage: Integers
    blueprint: Integers
    style: Integers
    tempo: Integers
    alpha: Floats
    alpha_target: Floats
    alpha_mode: Integers
    steps_total: Integers
    steps_done: Integers
    age_epochs: Integers
    epochs_in_stage: Integers
    gate_passed: Flags
    contribution: Floats
    contribution_velocity: Floats
    interaction_sum: Floats
    boost: Floats
    improvement_points: Floats
    gradient_norm: Floats
    gradient_health: Floats


@dataclass(kw_only=True)
class SizeArrays:
    """Sizes and the rules that go with them.

    Attributes:
        host_parameters: Parameters of the host before anything grew, ``[N]``.
        parameters: Parameters now, ``[N]``.
        max_parameters: Budget for them; infinite where there is none, ``[N]``.
        blueprint_parameters: Parameters of each blueprint, -1 if it does not fit, ``[N, S, 13]``.
        gate_parameters: Parameters that a learned gate adds, ``[N, S]``.
        min_prune_age_epochs: Age below which a seed may not be pruned, ``[N]``.
    """

    host_parameters: Integers
    parameters: Integers
    max_parameters: Floats
    blueprint_parameters: Integers
    gate_parameters: Integers
    min_prune_age_epochs: Integers


@dataclass(kw_only=True)
class HostArrays:
    """Everything masks and observations are made of.

    Attributes:
        course: The course of training.
        seeds: The slots and their seeds.
        sizes: Sizes and the rules that go with them.
    """

    course: CourseArrays
    seeds: SeedArrays
    sizes: SizeArrays


def find_living(seeds: SeedArrays) -> Flags:
    """Say which slots hold a seed, ``[N, S]``.

    Raises:
        StageError: If a stage is none of the ten; the message names slot and environment.
    """
    # One more place at either end takes every number outside.
    index = np.clip(seeds.stage.astype(np.intp) + 1 - FREE, 0, len(_STAGE_KINDS) - 1)
    kind = _STAGE_KINDS[index]
    for environment, slot in np.argwhere(kind == _NO_STAGE):
        value = int(seeds.stage[environment, slot])
        parse_stage(value, slot_id=str(slot), environment=int(environment))
    is_living: Flags = kind == _LIVING
    return is_living


_NO_STAGE, _EMPTY, _LIVING = range(3)
_STAGE_KINDS: Final = np.array(
    [
        _LIVING if value in LIVING_STAGES else _EMPTY if value in {FREE, *SeedStage} else _NO_STAGE
        for value in range(FREE - 1, max(SeedStage) + 2)
    ]
)


def gather_arrays(hosts: Sequence[HostReport], signals: Sequence[TrainingSignals]) -> HostArrays:
    """Lay out the reports of a population.

    Args:
        hosts: One report per environment; all with the same number of slots.
        signals: The course of training of each.

    Raises:
        ShapeError: If there is no host, or the reports do not go together.
        StageError: If a stage is none of the ten; the message names slot and environment.
    """
    if not hosts or len(hosts) != len(signals):
        counts = f"{len(hosts)} and {len(signals)}"
        message = f"hosts and signals must be equally many and at least one, got {counts}"
        raise ShapeError(message)
    slots = {len(host.slots) for host in hosts}
    if len(slots) > 1:
        message = f"hosts must have equally many slots, got {sorted(slots)}"
        raise ShapeError(message)
    courses = [_read_course(own) for own in signals]
    seeds = [
        _stack(SeedArrays, _read_slots(host, own.interactions))
        for host, own in zip(hosts, signals, strict=True)
    ]
    return HostArrays(
        course=_stack(CourseArrays, courses),
        seeds=_stack(SeedArrays, [vars(row) for row in seeds]),
        sizes=_stack(SizeArrays, [_read_sizes(host) for host in hosts]),
    )


def build_free_slots(environments: int, slots: int) -> SeedArrays:
    """Build arrays of slots that are all free, to be filled in place.

    Args:
        environments: N.
        slots: S.
    """
    row = _NO_SEED | {"stage": FREE}
    return SeedArrays(**{name: np.full((environments, slots), row[name]) for name in row})


_Arrays = TypeVar("_Arrays", CourseArrays, SeedArrays, SizeArrays)
_Row = dict[str, object]


def _stack(record: type[_Arrays], rows: Sequence[Mapping[str, object]]) -> _Arrays:
    """Make a record of columns from rows that name every field."""
    columns = {item.name: np.array([row[item.name] for row in rows]) for item in fields(record)}
    return record(**columns)


def _read_course(signals: TrainingSignals) -> _Row:
    return {
        "epoch": signals.epoch,
        "global_step": signals.global_step,
        "train_loss": _measured(signals.train_loss),
        "control_loss": signals.control_loss,
        "loss_delta": _measured(signals.loss_delta),
        "train_accuracy": _measured(signals.train_accuracy),
        "control_accuracy": signals.control_accuracy,
        "accuracy_delta": _measured(signals.accuracy_delta),
        "plateau_epochs": signals.plateau_epochs,
        "best_accuracy": signals.best_accuracy,
        "best_loss": signals.best_loss,
        "loss_history": _align_right(signals.loss_history),
        "accuracy_history": _align_right(signals.accuracy_history),
    }


def _read_slots(host: HostReport, interactions: Iterable[InteractionReport]) -> list[_Row]:
    points: dict[str, list[float]] = {slot_id: [] for slot_id in host.slot_ids}
    for interaction in interactions:
        for slot_id in interaction.slot_ids:
            points[slot_id].append(interaction.points)
    rows = []
    for slot in host.slots:
        stage = slot.stage
        if stage is not None:
            stage = parse_stage(stage, slot_id=slot.slot_id, environment=host.environment)
        row = _NO_SEED if slot.seed is None else _read_seed(slot.seed, stage)
        rows.append(row | {"stage": FREE if stage is None else stage})
        if points[slot.slot_id]:
            together = points[slot.slot_id]
            rows[-1] |= {"interaction_sum": sum(together), "boost": max(0.0, *together)}
    return rows


def _read_seed(seed: SeedReport, stage: SeedStage | None) -> _Row:
    gain = seed.shadow_gain if stage == SeedStage.TRAINING else seed.contribution
    return _NO_SEED | {
        "blueprint": seed.blueprint,
        "style": seed.style,
        "tempo": seed.tempo,
        "alpha": seed.alpha.alpha,
        "alpha_target": seed.alpha.target,
        "alpha_mode": seed.alpha.mode,
        "steps_total": seed.alpha.steps_total,
        "steps_done": seed.alpha.steps_done,
        "age_epochs": seed.age_epochs,
        "epochs_in_stage": seed.epochs_in_stage,
        "gate_passed": seed.gate is not None and seed.gate.passed,
        "contribution": np.nan if gain is None else gain.points,
        "contribution_velocity": _measured(seed.contribution_velocity),
        "improvement_points": _measured(seed.improvement_points),
        "gradient_norm": _measured(seed.gradient_norm),
        "gradient_health": _measured(seed.gradient_health),
    }


_NO_SEED: Final[_Row] = {
    "blueprint": Blueprint.NOOP,
    "style": Style.SIGMOID_ADD,
    "tempo": Tempo.STANDARD,
    "alpha": 0.0,
    "alpha_target": 0.0,
    "alpha_mode": AlphaMode.HOLD,
    "steps_total": 0,
    "steps_done": 0,
    "age_epochs": 0,
    "epochs_in_stage": 0,
    "gate_passed": False,
    "contribution": np.nan,
    "contribution_velocity": np.nan,
    "interaction_sum": np.nan,
    "boost": np.nan,
    "improvement_points": np.nan,
    "gradient_norm": np.nan,
    "gradient_health": np.nan,
}


def _read_sizes(host: HostReport) -> _Row:
    return {
        "host_parameters": host.host_parameters,
        "parameters": host.parameters,
        "max_parameters": np.inf if host.max_parameters is None else float(host.max_parameters),
        "blueprint_parameters": [
            [slot.blueprint_parameters.get(blueprint, -1) for blueprint in Blueprint]
            for slot in host.slots
        ],
        "gate_parameters": [slot.gate_parameters for slot in host.slots],
        "min_prune_age_epochs": host.min_prune_age_epochs,
    }


def _measured(value: float | None) -> float:
    return np.nan if value is None else value


def _align_right(history: Sequence[float]) -> list[float]:
    known = list(history)[-HISTORY_EPOCHS:]
    return [np.nan] * (HISTORY_EPOCHS - len(known)) + known
