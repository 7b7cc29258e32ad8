"""StructureWork: multiply-adds per sample of a structure, measured once for a whole population.

A population meets thousands of structures. Where all of a host learns, the work of a seed does not
depend on the other seeds: the host is measured alone and each seed beside it, and the sum is exact.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tamiyo.engine.epoch import backpropagate
from tamiyo.engine.work import count_multiply_adds, describe_structure, is_countable
from tamiyo.model import drawing_from, preserving_buffers
from tamiyo.tasks import count_samples

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tamiyo.model import Overrides, TamiyoModel
    from tamiyo.tasks import Objective

__all__ = ["StructureWork"]


class StructureWork:
    """Measures what the structures of a population cost.

    Args:
        objective: What the networks are trained for.
    """

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._per_sample: dict[Hashable, float | None] = {}
        self._parts: dict[Hashable, float] = {}

    def per_sample(self, model: TamiyoModel, batch: tuple[Any, Any]) -> float | None:
        """Return the multiply-adds of a training step per sample; ``None`` if not counted.

        Args:
            model: A network, in training mode; it stays as it is.
            batch: Inputs and targets of its next step.
        """
        structure = describe_structure(model)
        if structure not in self._per_sample:
            self._per_sample[structure] = self._measure(model, batch)
        return self._per_sample[structure]

    def _measure(self, model: TamiyoModel, batch: tuple[Any, Any]) -> float | None:
        if not is_countable(model):
            return None
        samples = count_samples(batch[1])
        if model.shadow_overrides() or not all(p.requires_grad for p in model.host.parameters()):
            return self._count(model, lambda: self._run_whole(model, batch)) / samples
        alone = self._count_without(model, batch, frozenset())
        seeded = [slot_id for slot_id, slot in model.slots.items() if slot.weights]
        parts = [self._count_without(model, batch, frozenset({one})) - alone for one in seeded]
        return (alone + sum(parts)) / samples

    def _count_without(
        self, model: TamiyoModel, batch: tuple[Any, Any], seeds: frozenset[str]
    ) -> float:
        """Count a step with these seeds only; what was counted before is known."""
        off: Overrides = {slot_id: () for slot_id in model.slots if slot_id not in seeds}
        key = tuple(
            (slot_id, slot.seed.blueprint, frozenset(style.algorithm for style, _ in slot.weights))
            for slot_id, slot in model.slots.items()
            if slot_id in seeds and slot.seed is not None
        )
        if key not in self._parts:
            self._parts[key] = self._count(model, lambda: self._run_variant(model, batch, off))
        return self._parts[key]

    def _count(self, model: nn.Module, step: Callable[[], object]) -> float:
        with preserving_buffers(model), drawing_from(torch.Generator()):
            counted = count_multiply_adds(step)
        for parameter in model.parameters():
            parameter.grad = None
        return counted

    def _run_whole(self, model: TamiyoModel, batch: tuple[Any, Any]) -> None:
        backpropagate(model, *batch, self._objective, torch.Generator())

    def _run_variant(self, model: TamiyoModel, batch: tuple[Any, Any], off: Overrides) -> None:
        outputs = model.execution.run_variants(batch[0], [off])[0]
        loss = self._objective.loss(outputs, batch[1])
        if loss.requires_grad:
            loss.backward()
