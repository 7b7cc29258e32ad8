"""One training epoch of one host.

Host and blended seeds learn on the network's loss, incubating seeds on the shadow loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from tamiyo.contracts import ConfigError, SeedStage
from tamiyo.model import TamiyoModel, drawing_from, preserving_buffers
from tamiyo.tasks import count_samples

if TYPE_CHECKING:
    from tamiyo.engine.work import WorkCounter
    from tamiyo.tasks import Objective

__all__ = [
    "GradientReading",
    "TrainingResult",
    "backpropagate",
    "read_gradients",
    "read_norms",
    "train_epoch",
]

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
        loss: Mean loss over the samples.
        value: Mean metric of the training samples as they were met; ``None`` if not measured.
        steps: Optimizer steps.
        gradients: Slot id to its seed's gradient on the last batch; none for a seed without one.
    """

    loss: float
    value: float | None
    steps: int
    gradients: Mapping[str, GradientReading]


def train_epoch(
    model: TamiyoModel,
    optimizer: torch.optim.Optimizer,
    batches: Iterable[tuple[Any, Any]],
    *,
    objective: Objective,
    layers: torch.Generator,
    shadow: torch.Generator,
    work: WorkCounter,
    max_gradient_norm: float | None = None,
) -> TrainingResult:
    """Train one epoch.

    Args:
        model: The model, left in training mode.
        optimizer: Its optimizer, in step with its structure.
        batches: Pairs of inputs and targets.
        objective: What it is trained for.
        layers: Owned generator the host's own layers (dropout) draw from.
        shadow: Owned generator for shadow passes, so that they leave ``layers`` alone.
        work: Counts multiply-adds.
        max_gradient_norm: Norm to which longer gradients are cut, the host's and every seed's by
            itself; ``None`` to leave them.

    Returns:
        The epoch's training result.

    Raises:
        ConfigError: If there was no batch.
    """
    model.train()
    epoch = _EpochSums(objective)
    with drawing_from(layers):
        for inputs, targets in batches:

            def step(inputs: Any = inputs, targets: Any = targets) -> None:  # noqa: ANN401  # the user's
                optimizer.zero_grad()
                epoch.add(*backpropagate(model, inputs, targets, objective, shadow), targets)
                if max_gradient_norm is not None:
                    _clip_gradients(model, max_gradient_norm)
                optimizer.step()

            work.run_step(model, count_samples(targets), step)
    return epoch.finish(read_gradients(model))


def backpropagate(
    model: TamiyoModel,
    inputs: object,
    targets: object,
    objective: Objective,
    shadow: torch.Generator,
) -> tuple[Tensor, object]:
    """Add the gradients of one batch: of the network's loss, and of incubating seeds' shadow loss.

    Args:
        model: The model, in training mode.
        inputs: What the host is called with.
        targets: What its outputs should be.
        objective: What it is trained for.
        shadow: Owned generator for shadow passes.

    Returns:
        ``(loss, outputs)`` of the network as it is.

    Raises:
        ConfigError: If the loss has no gradient although there is something to learn.
    """
    loss, outputs, features = _backward(model, inputs, targets, objective)
    _shadow_backward(model, inputs, targets, features, objective=objective, generator=shadow)
    return loss, outputs


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
            readings[slot_id] = read_norms(torch.stack([gradient.norm() for gradient in gradients]))
    return readings


def _clip_gradients(model: TamiyoModel, limit: float) -> None:
    """Cut the gradient of the host and that of each seed, each by itself.

    An incubating seed must not touch its host, not even by the length of its gradient.
    """
    for owner in (model.host, *model.seeds.values()):
        torch.nn.utils.clip_grad_norm_(owner.parameters(), limit)


class _EpochSums:
    """Sums over the batches of an epoch; moved to Python once, at its end."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._loss: Tensor | float = 0.0
        self._value: Tensor | float = 0.0
        self._samples = 0
        self._values = 0
        self._steps = 0

    def add(self, loss: Tensor, outputs: object, targets: object) -> None:
        samples = count_samples(targets)
        self._loss = self._loss + loss.detach() * samples
        self._samples += samples
        self._steps += 1
        if self._objective.training_metric is not None:
            values = self._objective.training_metric(outputs, targets).detach()
            self._value = self._value + values.sum()
            self._values += values.numel()

    def finish(self, gradients: Mapping[str, GradientReading]) -> TrainingResult:
        if self._steps == 0:
            message = "training batches must hold at least one batch per epoch, got none"
            raise ConfigError(message)
        return TrainingResult(
            loss=float(self._loss) / self._samples,
            value=float(self._value) / self._values if self._values else None,
            steps=self._steps,
            gradients=gradients,
        )


def _backward(
    model: TamiyoModel, inputs: object, targets: object, objective: Objective
) -> tuple[Tensor, object, Tensor | None]:
    """Backpropagate the network's loss; also return what the first incubating slot sees.

    Raises:
        ConfigError: If the loss has no gradient although there is something to learn.
    """
    outputs, features = model.execution.run(inputs, capture=_first_incubating(model))
    loss = objective.loss(outputs, targets)
    if loss.requires_grad:
        loss.backward()
    elif _can_learn(model):
        message = (
            "loss must have a gradient, got one without: do not detach outputs, and train outside "
            "of torch.no_grad()"
        )
        raise ConfigError(message)
    return loss, outputs, features


def _can_learn(model: TamiyoModel) -> bool:
    """Say whether a pass meets parameters that learn: none in a frozen host without live seeds."""
    blended = [slot.seed.module for slot in model.slots.values() if slot.seed and slot.weights]
    return any(p.requires_grad for module in (model.host, *blended) for p in module.parameters())


def _shadow_backward(
    model: TamiyoModel,
    inputs: object,
    targets: object,
    features: Tensor | None,
    *,
    objective: Objective,
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
        loss = objective.loss(outputs, targets)
        gradients = torch.autograd.grad(loss, parameters)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient


def _first_incubating(model: TamiyoModel) -> str | None:
    incubating = model.shadow_overrides()
    return next((slot_id for slot_id in model.execution.order if slot_id in incubating), None)


def read_norms(norms: Tensor) -> GradientReading:
    """Sum up the norms of the gradients of a seed's parameters, shape [parameters]."""
    vanishing = float((norms < _VANISHING_NORM).float().mean())
    exploding = float((~(norms <= _EXPLODING_NORM)).float().mean())
    norm = float(norms.norm())
    health = max(0.0, 1 - 0.5 * vanishing - 0.8 * exploding) if math.isfinite(norm) else 0.0
    return GradientReading(norm=norm, health=health)
