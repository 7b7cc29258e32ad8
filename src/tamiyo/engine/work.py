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

__all__ = ["WorkCounter"]

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
        structure = _structure(model)
        if structure not in self._per_sample and _is_uncounted(model):
            self.total = None
        if self.total is None:
            step()
            return
        if structure in self._per_sample:
            step()
        else:
            with FlopCounterMode(display=False, custom_mapping=_MISSED) as counter:
                step()
            self._per_sample[structure] = counter.get_total_flops() / 2 / samples
        self.total += round(self._per_sample[structure] * samples)


def _is_uncounted(model: nn.Module) -> bool:
    return any(isinstance(part, nn.RNNBase) for part in model.modules())


def _structure(model: TamiyoModel) -> Hashable:
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
