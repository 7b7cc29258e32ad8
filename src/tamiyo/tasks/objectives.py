"""What a host is trained for, and how good its outputs are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.contracts import ConfigError, MetricScale, ShapeError

__all__ = [
    "BITS_PER_BYTE",
    "CLASSIFICATION",
    "NEXT_BYTE",
    "Judgement",
    "Objective",
    "build_objective",
]

Judgement = Callable[[Any, Any], Tensor]
"""A function of a host's outputs and the targets."""


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What a host is trained for and judged by.

    Outputs are whatever the host returns, targets whatever the data holds for them. What is
    compared is compared unit by unit: a unit is a sample where a function gives one number per
    sample, shape [B], and a batch where it gives one number, shape [].

    Attributes:
        loss: Loss to minimize, one number, shape [].
        metric: How good the outputs are, in the metric's own unit; of a tensor with further axes
            the mean over them is taken, sample by sample.
        losses: Losses to compare variants by, nats; ``loss`` itself, batch by batch, if not given.
        judges_training: Whether the metric is also measured on training batches, as they are met.
    """

    loss: Judgement
    metric: Judgement
    losses: Judgement | None = None
    judges_training: bool = True

    @property
    def is_classification(self) -> bool:
        """True if the metric is the share of right classes."""
        return self.metric is _class_is_right

    def compute_values(self, outputs: object, targets: object) -> Tensor:
        """Return the metric of every unit, shape [U], float64."""
        return _per_unit(self.metric(outputs, targets), "metric")

    def judge(self, outputs: object, targets: object) -> tuple[Tensor, Tensor]:
        """Return the metric of every unit, [U], and the loss of every unit, [U'], float64."""
        values = self.compute_values(outputs, targets)
        if self.metric is self.losses:
            return values, values
        return values, _per_unit((self.losses or self.loss)(outputs, targets), "loss")


def build_objective(loss: Judgement, metric: Judgement | None = None) -> Objective:
    """Build an objective from a loss, and a metric if there is one.

    Without a metric, cross-entropy is judged by accuracy, and any other loss by itself, sample by
    sample: it must then be a mean over samples.

    Args:
        loss: Maps outputs and targets to one number to minimize.
        metric: Maps outputs and targets to one number per sample, [B], or one for the batch, [].
    """
    if metric is not None:
        return Objective(loss=loss, metric=metric, judges_training=False)
    if loss is F.cross_entropy:
        return CLASSIFICATION
    if isinstance(loss, nn.CrossEntropyLoss):
        return Objective(loss=loss, metric=_class_is_right)
    one_by_one = _split_samples(loss)
    return Objective(loss=loss, metric=one_by_one, losses=one_by_one, judges_training=False)


def _split_samples(loss: Judgement) -> Judgement:
    """Turn a loss of a batch into one loss per sample, shape [B]."""

    def compute(outputs: object, targets: object) -> Tensor:
        if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
            got = f"{type(outputs).__name__} and {type(targets).__name__}"
            message = f"metric must be given where outputs and targets are no tensors, got {got}"
            raise ConfigError(message)
        pairs = zip(outputs.split(1), targets.split(1), strict=True)
        return torch.stack([loss(output, target) for output, target in pairs])

    return compute


def _per_unit(values: object, name: str) -> Tensor:
    """Return one number per unit.

    Raises:
        ConfigError: If the function gave something else than numbers.
    """
    if not isinstance(values, Tensor) or values.is_complex():
        message = f"{name} must return a tensor of real numbers, got {type(values).__name__}"
        raise ConfigError(message)
    values = values.detach().double()
    return values.flatten(1).mean(dim=1) if values.dim() > 1 else values.reshape(-1)


def _class_is_right(outputs: Tensor, targets: Tensor) -> Tensor:
    """Say of every target, [B, ...], whether its class has the largest output, [B, C, ...].

    Raises:
        ShapeError: If there is not one output per class for every target.
    """
    if outputs.dim() <= 1 or (outputs.shape[0], *outputs.shape[2:]) != tuple(targets.shape):
        message = (
            "outputs must be [B, C, ...] for classes [B, ...] where no metric is given, "
            f"got {list(outputs.shape)} for targets {list(targets.shape)}"
        )
        raise ShapeError(message)
    return outputs.argmax(dim=1) == targets


def _class_losses(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs, targets, reduction="none")


def _next_byte_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def _next_byte_losses(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none").mean(dim=1)


def _bits_per_byte(outputs: Tensor, targets: Tensor) -> Tensor:
    return _next_byte_losses(outputs, targets) / torch.log(torch.tensor(2.0))


CLASSIFICATION: Final = Objective(
    loss=F.cross_entropy, metric=_class_is_right, losses=_class_losses
)
"""Outputs [B, C, ...], classes [B, ...]: cross-entropy, judged by accuracy."""

NEXT_BYTE: Final = Objective(
    loss=_next_byte_loss, metric=_bits_per_byte, losses=_next_byte_losses, judges_training=False
)
"""Outputs [B, T, 256], next bytes [B, T]: cross-entropy, judged by bits per byte."""

BITS_PER_BYTE: Final = MetricScale(name="bits per byte", best=0.0, worst=8.0)
"""Bits a perfect coder would need for a byte of text; 8 is no compression."""
