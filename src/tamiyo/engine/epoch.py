"""One training epoch of one host.

Host and blended seeds learn on the network's loss, incubating seeds on the shadow loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor
from torch.nn import functional as F

from tamiyo.contracts import SeedStage
from tamiyo.model import TamiyoModel, drawing_from, preserving_buffers

if TYPE_CHECKING:
    from tamiyo.engine.optimizers import GrowingOptimizer
    from tamiyo.engine.work import WorkCounter

__all__ = ["GradientReading", "TrainingResult", "read_gradients", "train_epoch"]

_VANISHING_NORM: Final = 1e-7
_EXPLODING_NORM: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class GradientReading:
    """Gradient of one seed on one batch.

    Attributes:
        norm: L2 norm over all its parameters; may be infinite or NaN.
        health: 1 less half the share of parameter tensors whose gradient vanishes and 0.8 of the
            share whose gradient explodes, in [0, 1].
    """

    norm: float
    health: float


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What one training epoch gave.

    Attributes:
        loss: Mean loss over the samples, nats.
        accuracy: Percent of samples right as they were met.
        steps: Optimizer steps.
        gradients: Slot id to its seed's gradient on the last batch; none for a seed without one.
    """

    loss: float
    accuracy: float
    steps: int
    gradients: Mapping[str, GradientReading]


def train_epoch(
    model: TamiyoModel,
    optimizer: GrowingOptimizer,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    layers: torch.Generator,
    shadow: torch.Generator,
    work: WorkCounter,
) -> TrainingResult:
    """Train one epoch.

    Args:
        model: The model, left in training mode.
        optimizer: Its optimizer, in step with its structure.
        batches: ``(inputs, targets)`` with integer class targets of shape ``[B]``.
        layers: Owned generator the host's own layers (dropout) draw from.
        shadow: Owned generator for shadow passes, so that they leave ``layers`` alone.
        work: Counts multiply-adds.

    Returns:
        The epoch's training result.
    """
    model.train()
    epoch = _EpochSums()
    with drawing_from(layers):
        for inputs, targets in batches:

            def step(inputs: Tensor = inputs, targets: Tensor = targets) -> None:
                optimizer.zero_grad()
                epoch.add(*_backward(model, inputs, targets), targets)
                _shadow_backward(model, inputs, targets, epoch.features, shadow)
                optimizer.step()

            work.run_step(model, len(targets), step)
    return epoch.finish(read_gradients(model))


def read_gradients(model: TamiyoModel) -> dict[str, GradientReading]:
    """Read the gradients that the last step left on every seed.

    Returns:
        Slot id to reading; a seed none of whose parameters has a gradient is left out.
    """
    readings = {}
    for slot_id, slot in model.slots.items():
        if slot.seed is None or slot.seed.stage == SeedStage.FOSSILIZED:
            continue
        gradients = [p.grad for p in slot.seed.module.parameters() if p.grad is not None]
        if gradients:
            readings[slot_id] = _read(torch.stack([gradient.norm() for gradient in gradients]))
    return readings


class _EpochSums:
    """Sums over the batches of an epoch; moved to Python once, at its end."""

    def __init__(self) -> None:
        self.features: Tensor | None = None
        self._loss = torch.zeros(())
        self._right = torch.zeros((), dtype=torch.int64)
        self._samples = 0
        self._steps = 0

    def add(self, loss: Tensor, outputs: Tensor, features: Tensor | None, targets: Tensor) -> None:
        self.features = features
        self._loss += loss.detach() * len(targets)
        self._right += (outputs.argmax(dim=1) == targets).sum()
        self._samples += len(targets)
        self._steps += 1

    def finish(self, gradients: Mapping[str, GradientReading]) -> TrainingResult:
        return TrainingResult(
            loss=float(self._loss) / self._samples,
            accuracy=100 * int(self._right) / self._samples,
            steps=self._steps,
            gradients=gradients,
        )


def _backward(
    model: TamiyoModel, inputs: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Backpropagate the network's loss; also return what the first incubating slot sees."""
    outputs, features = model.execution.run(inputs, capture=_first_incubating(model))
    loss = F.cross_entropy(outputs, targets)
    if loss.requires_grad:  # not so for a frozen host with no blended seed
        loss.backward()
    return loss, outputs, features


def _shadow_backward(
    model: TamiyoModel,
    inputs: Tensor,
    targets: Tensor,
    features: Tensor | None,
    generator: torch.Generator,
) -> None:
    """Give every incubating seed the gradient of the loss it would cause; touch nothing else."""
    slot_id = _first_incubating(model)
    if slot_id is None or features is None:
        return
    overrides = model.shadow_overrides()
    parameters = [p for slot in overrides for p in model.seeds[slot].parameters()]
    with drawing_from(generator), preserving_buffers(model.host):
        outputs = model.execution.resume(inputs, slot_id, features.detach(), overrides)
        loss = F.cross_entropy(outputs, targets)
        gradients = torch.autograd.grad(loss, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient


def _first_incubating(model: TamiyoModel) -> str | None:
    incubating = model.shadow_overrides()
    return next((slot_id for slot_id in model.execution.order if slot_id in incubating), None)


def _read(norms: Tensor) -> GradientReading:
    vanishing = float((norms < _VANISHING_NORM).float().mean())
    exploding = float((~(norms <= _EXPLODING_NORM)).float().mean())
    norm = float(norms.norm())
    health = max(0.0, 1 - 0.5 * vanishing - 0.8 * exploding) if math.isfinite(norm) else 0.0
    return GradientReading(norm=norm, health=health)
