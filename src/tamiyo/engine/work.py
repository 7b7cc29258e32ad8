"""WorkCounter: multiply-adds of training, measured on the first step after every change of structure.

PyTorch's own counter sees every matrix product and convolution of a real step, forward, backward and
shadow pass; a multiply-add is two of its floating-point operations. Element-wise work is not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.utils.flop_counter import FlopCounterMode

from tamiyo.contracts import SeedStage

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from tamiyo.model import TamiyoModel

__all__ = ["WorkCounter"]


class WorkCounter:
    """Counts the multiply-adds of one model's training.

    Attributes:
        total: Multiply-adds so far.
    """

    def __init__(self) -> None:
        self.total = 0
        self._per_sample: dict[Hashable, float] = {}

    def run_step(self, model: TamiyoModel, samples: int, step: Callable[[], None]) -> None:
        """Run one training step and add its multiply-adds.

        Args:
            model: The model it trains; a structure not met before is measured.
            samples: Samples in the step's batch.
            step: Does the step.
        """
        structure = _structure(model)
        if structure in self._per_sample:
            step()
        else:
            with FlopCounterMode(display=False) as counter:
                step()
            self._per_sample[structure] = counter.get_total_flops() / 2 / samples
        self.total += round(self._per_sample[structure] * samples)


def _structure(model: TamiyoModel) -> Hashable:
    """Everything that decides how much work a step is."""
    return tuple(
        (
            slot.seed.seed_id,
            slot.seed.stage == SeedStage.TRAINING,
            tuple(s for s, _ in slot.weights),
        )
        for slot in model.slots.values()
        if slot.seed is not None
    )
