"""One validation of a network, and what it would be without, or with, each of its seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import torch

from tamiyo.contracts import (
    LIVE_STAGES,
    ConfigError,
    InteractionReport,
    MetricScale,
    PairedDifference,
    SeedStage,
)
from tamiyo.model import Overrides, SeedMeasurement, drawing_from, preserving_buffers
from tamiyo.tasks import Units

if TYPE_CHECKING:
    from tamiyo.engine.epoch import GradientReading
    from tamiyo.model import TamiyoModel
    from tamiyo.tasks import Batches, Objective

__all__ = [
    "FossilPlan",
    "SplitResult",
    "Validation",
    "ValidationPlan",
    "collect_measurements",
    "compute_paired_difference",
    "conclude_fossils",
    "conclude_validation",
    "evaluate_variants",
    "measure_fossils",
    "plan_fossils",
    "plan_validation",
    "validate",
]


@dataclass(frozen=True, kw_only=True)
class SplitResult:
    """Outputs of one variant, judged unit by unit.

    A unit is a sample, or a batch where the objective gives one number for a batch.

    Attributes:
        values: The metric of each unit.
        losses: The loss of each unit.
        scale: How values become points.
    """

    values: Units
    losses: Units
    scale: MetricScale

    @property
    def accuracy(self) -> float:
        """Points; percent right for a classifier."""
        return self.scale.to_points(self.values.mean)

    @property
    def loss(self) -> float:
        """Mean loss."""
        return self.losses.mean


@dataclass(frozen=True, kw_only=True)
class Validation:
    """A validation with its counterfactuals.

    Attributes:
        main: The network as it is.
        committed: The network with every uncommitted seed off.
        contributions: Slot id to what its live seed changes.
        shadow_gains: Slot id to what its incubating seed would change.
        interactions: Every pair of live seeds.
    """

    main: SplitResult
    committed: SplitResult
    contributions: Mapping[str, PairedDifference]
    shadow_gains: Mapping[str, PairedDifference]
    interactions: tuple[InteractionReport, ...]


@dataclass(frozen=True, kw_only=True)
class ValidationPlan:
    """The variants of a network that a validation looks at.

    Attributes:
        live: Slots with a live seed.
        off_sets: Sets of live seeds to switch off, the empty one first.
        shadows: Slots with an incubating seed.
        variants: Slot id to weights for each off-set, then with each incubating seed on.
    """

    live: tuple[str, ...]
    off_sets: tuple[frozenset[str], ...]
    shadows: tuple[str, ...]
    variants: tuple[Overrides, ...]


def plan_validation(model: TamiyoModel) -> ValidationPlan:
    """Plan what to look at: as it is; each live seed off; each pair off; all off; shadows on."""
    live = tuple(
        slot_id
        for slot_id, slot in model.slots.items()
        if slot.weights and slot.stage in LIVE_STAGES
    )
    subsets = {frozenset(off) for size in (0, 1, 2, len(live)) for off in combinations(live, size)}
    off_sets = sorted(subsets, key=lambda off: (len(off), sorted(off)))
    shadows = model.shadow_overrides()
    variants: list[Overrides] = [dict.fromkeys(off, ()) for off in off_sets]
    variants += [{slot_id: weights} for slot_id, weights in shadows.items()]
    return ValidationPlan(
        live=live, off_sets=tuple(off_sets), shadows=tuple(shadows), variants=tuple(variants)
    )


def conclude_validation(plan: ValidationPlan, results: Sequence[SplitResult]) -> Validation:
    """Draw from the results of a plan's variants, in their order, what they say about seeds."""
    without = dict(zip(plan.off_sets, results, strict=False))
    main = without[frozenset()]
    return Validation(
        main=main,
        committed=without[frozenset(plan.live)],
        contributions={
            slot_id: compute_paired_difference(main, without[frozenset({slot_id})])
            for slot_id in plan.live
        },
        shadow_gains={
            slot_id: compute_paired_difference(result, main)
            for slot_id, result in zip(plan.shadows, results[len(plan.off_sets) :], strict=True)
        },
        interactions=_compute_interactions(without, plan.live),
    )


def validate(
    model: TamiyoModel, batches: Batches, objective: Objective, scale: MetricScale
) -> Validation:
    """Validate a network and its counterfactuals in one pass over the split.

    The variants are those of :func:`plan_validation`. They share every computation up to the first
    slot in which they differ, where the host can be cut.

    Args:
        model: The model; evaluated in evaluation mode and put back into its mode.
        batches: The split.
        objective: What outputs are judged by.
        scale: How the metric becomes points.
    """
    plan = plan_validation(model)
    return conclude_validation(
        plan, evaluate_variants(model, batches, objective, scale, plan.variants)
    )


@dataclass(frozen=True, kw_only=True)
class FossilPlan:
    """The variants of a committed network that its judgement looks at.

    Attributes:
        seed_ids: Its fossils.
        variants: Slot id to weights for the committed network, then without each fossil.
    """

    seed_ids: tuple[str, ...]
    variants: tuple[Overrides, ...]


def plan_fossils(model: TamiyoModel) -> FossilPlan:
    """Plan what to look at: the committed network, and that without each of its fossils."""
    uncommitted: Overrides = {
        slot_id: () for slot_id, slot in model.slots.items() if slot.stage in LIVE_STAGES
    }
    fossils = {
        slot.seed.seed_id: slot_id
        for slot_id, slot in model.slots.items()
        if slot.seed is not None and slot.seed.stage == SeedStage.FOSSILIZED
    }
    without = ({**uncommitted, slot_id: ()} for slot_id in fossils.values())
    return FossilPlan(seed_ids=tuple(fossils), variants=(uncommitted, *without))


def conclude_fossils(
    plan: FossilPlan, results: Sequence[SplitResult]
) -> tuple[SplitResult, dict[str, PairedDifference]]:
    """Return the committed network's result, and seed id to the difference that fossil makes."""
    committed, *without = results
    worth = {
        seed_id: compute_paired_difference(committed, result)
        for seed_id, result in zip(plan.seed_ids, without, strict=True)
    }
    return committed, worth


def measure_fossils(
    model: TamiyoModel, batches: Batches, objective: Objective, scale: MetricScale
) -> tuple[SplitResult, dict[str, PairedDifference]]:
    """Judge the committed network and what each of its fossils is worth.

    Args:
        model: The model; uncommitted seeds are off throughout.
        batches: A split.
        objective: What outputs are judged by.
        scale: How the metric becomes points.

    Returns:
        The committed network's result, and seed id to the difference that fossil makes.
    """
    plan = plan_fossils(model)
    return conclude_fossils(
        plan, evaluate_variants(model, batches, objective, scale, plan.variants)
    )


def evaluate_variants(
    model: TamiyoModel,
    batches: Batches,
    objective: Objective,
    scale: MetricScale,
    variants: Sequence[Overrides],
) -> list[SplitResult]:
    """Evaluate several variants of a network on a whole split.

    Args:
        model: The model; put back into its mode.
        batches: The split.
        objective: What outputs are judged by.
        scale: How the metric becomes points.
        variants: For each variant, slot id to the weights to use instead of the slot's own.

    Returns:
        One result per variant.

    Raises:
        ConfigError: If there is no batch.
    """
    was_training = model.training
    model.eval()
    try:
        with preserving_buffers(model):
            chunks = [_judge(model, *batch, objective, variants) for batch in batches]
    finally:
        model.train(was_training)
    if not chunks:
        message = "batches to judge by must be at least one every time, got none"
        raise ConfigError(message)
    return [
        SplitResult(
            values=Units.join([values for values, _ in parts]),
            losses=Units.join([losses for _, losses in parts]),
            scale=scale,
        )
        for parts in zip(*chunks, strict=True)
    ]


def collect_measurements(
    gradients: Mapping[str, GradientReading], validation: Validation
) -> dict[str, SeedMeasurement]:
    """Bring together, slot by slot, what training and validation measured about the seeds."""
    slot_ids = {*gradients, *validation.contributions, *validation.shadow_gains}
    return {
        slot_id: SeedMeasurement(
            contribution=validation.contributions.get(slot_id),
            shadow_gain=validation.shadow_gains.get(slot_id),
            gradient_norm=getattr(gradients.get(slot_id), "norm", None),
            gradient_health=getattr(gradients.get(slot_id), "health", None),
        )
        for slot_id in slot_ids
    }


def compute_paired_difference(with_it: SplitResult, without_it: SplitResult) -> PairedDifference:
    """Compare two results unit by unit: mean of the differences and its standard error."""
    factor = with_it.scale.points_per_unit
    values = with_it.values.minus(without_it.values)
    losses = without_it.losses.minus(with_it.losses)
    return PairedDifference(
        points=factor * values.mean,
        points_error=None if values.error is None else abs(factor) * values.error,
        loss=losses.mean,
        loss_error=losses.error,
    )


@torch.no_grad()
def _judge(
    model: TamiyoModel,
    inputs: object,
    targets: object,
    objective: Objective,
    variants: Sequence[Overrides],
) -> list[tuple[Units, Units]]:
    noise = torch.Generator()
    untouched = noise.get_state()
    with drawing_from(noise):
        outputs = model.execution.run_variants(inputs, variants)
    if not torch.equal(noise.get_state(), untouched):
        # The host draws random numbers even now: one by one, so that every variant meets the same.
        outputs = [_run_alone(model, inputs, variant) for variant in variants]
    return [objective.judge(output, targets) for output in outputs]


def _run_alone(model: TamiyoModel, inputs: object, variant: Overrides) -> object:
    with drawing_from(torch.Generator()):
        return model.execution.run_variants(inputs, [variant])[0]


def _compute_interactions(
    without: Mapping[frozenset[str], SplitResult], live: Sequence[str]
) -> tuple[InteractionReport, ...]:
    def accuracy(*off: str) -> float:
        return without[frozenset(off)].accuracy

    return tuple(
        InteractionReport(
            slot_ids=(one, two),
            points=accuracy() - accuracy(one) - accuracy(two) + accuracy(one, two),
        )
        for one, two in combinations(live, 2)
    )
