"""WorkCounter: multiply-adds of training, measured on the first step of every kind of structure.

PyTorch's own counter sees every matrix product and convolution of a real step, forward, backward
and shadow pass; a multiply-add is two of its floating-point operations. Element-wise work is not
counted.
"""

from __future__ import annotations

from inspect import unwrap
from typing import TYPE_CHECKING, Final

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop, sdpa_flop

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tamiyo.model import TamiyoModel

__all__ = ["WorkCounter", "count_multiply_adds", "describe_structure", "is_countable"]

_MISSED: Final = {
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: unwrap(sdpa_flop),  # noqa: SLF001  # an operator's name
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: unwrap(  # noqa: SLF001  # the same
        sdpa_backward_flop
    ),
}
"""Attention kernels of the CPU, which PyTorch's counter has formulas for but does not know.

It wraps the formulas it is given, and its own ones are wrapped already.
"""


class WorkCounter:
    """Counts the multiply-adds of one model's training.

    Attributes:
        total: Multiply-adds so far; ``None`` for a model with recurrent layers, whose kernels
            PyTorch does not count.
    """

    def __init__(self) -> None:
        self.total: int | None = 0
        self._per_sample: dict[Hashable, float] = {}

    def run_step(self, model: TamiyoModel, samples: int, step: Callable[[], None]) -> None:
        """Run one training step and add its multiply-adds.

        Args:
            model: The model it trains; a structure not met before is measured.
            samples: Samples in the step's batch.
            step: Does the step.
        """
        structure = describe_structure(model)
        if structure not in self._per_sample and not is_countable(model):
            self.total = None
        if self.total is None or structure in self._per_sample:
            step()
        else:
            self._per_sample[structure] = count_multiply_adds(step) / samples
        self.add(self._per_sample.get(structure), samples)

    def add(self, per_sample: float | None, samples: int) -> None:
        """Add the multiply-adds of one training step.

        Args:
            per_sample: Multiply-adds for a sample; ``None`` if they are not counted.
            samples: Samples in the step's batch.
        """
        if per_sample is None or self.total is None:
            self.total = None
        else:
            self.total += round(per_sample * samples)


def count_multiply_adds(step: Callable[[], object]) -> float:
    """Run a step and count its multiply-adds."""
    with FlopCounterMode(display=False, custom_mapping=_MISSED) as counter:
        step()
    flops: int = counter.get_total_flops()
    return flops / 2


def is_countable(model: nn.Module) -> bool:
    """Say whether PyTorch counts all of a model's work."""
    return not any(isinstance(part, nn.RNNBase) for part in model.modules())


def describe_structure(model: TamiyoModel) -> Hashable:
    """Everything that decides how much work a step is; no seed ids, so that equal ones meet."""
    shadows = model.shadow_overrides()
    return tuple(
        (
            slot_id,
            slot.seed.blueprint,
            slot_id in shadows,
            frozenset(style.algorithm for style, _ in shadows.get(slot_id, slot.weights)),
        )
        for slot_id, slot in model.slots.items()
        if slot.seed is not None
    )
