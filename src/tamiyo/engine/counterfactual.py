"""One validation of a network, and what it would be without, or with, each of its seeds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional as F

from tamiyo.contracts import LIVE_STAGES, InteractionReport, PairedDifference, SeedStage

if TYPE_CHECKING:
    from tamiyo.model import Overrides, TamiyoModel

__all__ = [
    "SplitResult",
    "Validation",
    "compute_paired_difference",
    "evaluate_variants",
    "measure_fossils",
    "validate",
]

_CHUNK_SAMPLES: Final = 512


@dataclass(frozen=True, kw_only=True)
class SplitResult:
    """Outputs of one variant, judged sample by sample.

    Attributes:
        right: Whether each sample was right, shape [N], bool.
        losses: Loss of each sample, nats, shape [N], float32.
    """

    right: Tensor
    losses: Tensor

    @property
    def accuracy(self) -> float:
        """Percent right."""
        return 100 * float(self.right.double().mean())

    @property
    def loss(self) -> float:
        """Mean loss, nats."""
        return float(self.losses.double().mean())


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


def validate(model: TamiyoModel, inputs: Tensor, targets: Tensor) -> Validation:
    """Validate a network and its counterfactuals in one pass over the split.

    The variants are: as it is; each live seed off; each pair off; all off; each incubating seed
    on. They share every computation up to the first slot in which they differ, where the host can
    be cut.

    Args:
        model: The model; evaluated in evaluation mode and put back into its mode.
        inputs: The split's inputs, ``[N, ...]``.
        targets: Its classes, ``[N]``, int64.
    """
    live = [
        slot_id
        for slot_id, slot in model.slots.items()
        if slot.weights and slot.stage in LIVE_STAGES
    ]
    subsets = {frozenset(off) for size in (0, 1, 2, len(live)) for off in combinations(live, size)}
    off_sets = sorted(subsets, key=lambda off: (len(off), sorted(off)))
    shadows = model.shadow_overrides()
    variants: list[Overrides] = [dict.fromkeys(off, ()) for off in off_sets]
    variants += [{slot_id: weights} for slot_id, weights in shadows.items()]
    results = evaluate_variants(model, inputs, targets, variants)
    without = dict(zip(off_sets, results, strict=False))
    main = without[frozenset()]
    return Validation(
        main=main,
        committed=without[frozenset(live)],
        contributions={
            slot_id: compute_paired_difference(main, without[frozenset({slot_id})])
            for slot_id in live
        },
        shadow_gains={
            slot_id: compute_paired_difference(result, main)
            for slot_id, result in zip(shadows, results[len(off_sets) :], strict=True)
        },
        interactions=_compute_interactions(without, live),
    )


def measure_fossils(
    model: TamiyoModel, inputs: Tensor, targets: Tensor
) -> tuple[SplitResult, dict[str, PairedDifference]]:
    """Judge the committed network and what each of its fossils is worth.

    Args:
        model: The model; uncommitted seeds are off throughout.
        inputs: A split's inputs, ``[N, ...]``.
        targets: Its classes, ``[N]``, int64.

    Returns:
        The committed network's result, and seed id to the difference that fossil makes.
    """
    uncommitted: Overrides = {
        slot_id: () for slot_id, slot in model.slots.items() if slot.stage in LIVE_STAGES
    }
    fossils = {
        slot.seed.seed_id: slot_id
        for slot_id, slot in model.slots.items()
        if slot.seed is not None and slot.seed.stage == SeedStage.FOSSILIZED
    }
    variants = [uncommitted, *({**uncommitted, slot_id: ()} for slot_id in fossils.values())]
    committed, *without = evaluate_variants(model, inputs, targets, variants)
    worth = {
        seed_id: compute_paired_difference(committed, result)
        for seed_id, result in zip(fossils, without, strict=True)
    }
    return committed, worth


def evaluate_variants(
    model: TamiyoModel, inputs: Tensor, targets: Tensor, variants: Sequence[Overrides]
) -> list[SplitResult]:
    """Evaluate several variants of a network on a whole split.

    Args:
        model: The model; put back into its mode.
        inputs: The split's inputs, ``[N, ...]``.
        targets: Its classes, ``[N]``, int64.
        variants: For each variant, slot id to the weights to use instead of the slot's own.

    Returns:
        One result per variant.
    """
    was_training = model.training
    model.eval()
    try:
        chunks = [_judge(model, *chunk, variants) for chunk in _chunks(inputs, targets)]
    finally:
        model.train(was_training)
    return [
        SplitResult(
            right=torch.cat([part.right for part in parts]),
            losses=torch.cat([part.losses for part in parts]),
        )
        for parts in zip(*chunks, strict=True)
    ]


def compute_paired_difference(with_it: SplitResult, without_it: SplitResult) -> PairedDifference:
    """Compare two results on the same samples: mean of the differences and its standard error."""
    right = 100 * (with_it.right.double() - without_it.right.double())
    losses = without_it.losses.double() - with_it.losses.double()
    root = len(right) ** 0.5
    return PairedDifference(
        points=float(right.mean()),
        points_error=float(right.std()) / root,
        loss=float(losses.mean()),
        loss_error=float(losses.std()) / root,
    )


def _chunks(inputs: Tensor, targets: Tensor) -> Iterable[tuple[Tensor, Tensor]]:
    return zip(inputs.split(_CHUNK_SAMPLES), targets.split(_CHUNK_SAMPLES), strict=True)


@torch.no_grad()
def _judge(
    model: TamiyoModel, inputs: Tensor, targets: Tensor, variants: Sequence[Overrides]
) -> list[SplitResult]:
    return [
        SplitResult(
            right=outputs.argmax(dim=1) == targets,
            losses=F.cross_entropy(outputs, targets, reduction="none"),
        )
        for outputs in model.execution.run_variants(inputs, variants)
    ]


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
