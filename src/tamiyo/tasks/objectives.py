"""What a host is trained for, and how good its outputs are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Final, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.contracts import ACCURACY, ConfigError, MetricScale, ShapeError

__all__ = [
    "BITS_PER_BYTE",
    "CLASSIFICATION",
    "IGNORED_CLASS",
    "NEXT_BYTE",
    "Judgement",
    "Objective",
    "Units",
    "build_objective",
    "compute_cross_entropies",
    "count_samples",
]

Judgement = Callable[[Any, Any], Tensor]
"""A function of a host's outputs and the targets."""

_Judge = Callable[[Any, Any], "Tensor | Units"]

IGNORED_CLASS: Final = -100
"""Class that PyTorch's cross-entropy leaves out by default."""

_SAMPLES_BY_CLASSES: Final = 2  # dimensions of outputs without further axes
_SAME_LOSS: Final = 1e-3
"""Relative difference up to which two ways to compute a loss give the same one."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """Numbers that variants of a network are compared by, one for each sample or each batch.

    Attributes:
        values: The numbers, shape [U], float64.
        weights: Samples that each of them stands for, shape [U], float64.
    """

    values: Tensor
    weights: Tensor

    @classmethod
    def join(cls, parts: Sequence[Units]) -> Self:
        """Put the units of several batches behind each other."""
        return cls(
            values=torch.cat([part.values for part in parts]),
            weights=torch.cat([part.weights for part in parts]),
        )

    @cached_property
    def mean(self) -> float:
        """Mean over the samples; not a number where there are none."""
        return float((self.values * self.weights).sum()) / self._samples

    @cached_property
    def error(self) -> float | None:
        """Standard error of the mean; unknown for fewer than two units."""
        count = int(self.weights.count_nonzero())
        if count <= 1:
            return None
        squares = float((self.weights * (self.values - self.mean)).square().sum())
        return math.sqrt(squares / self._samples**2 * count / (count - 1))

    @cached_property
    def _samples(self) -> float:
        return float(self.weights.sum()) or math.nan

    def minus(self, other: Units) -> Units:
        """Return the differences, unit by unit."""
        return Units(values=self.values - other.values, weights=self.weights)


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
        losses: Losses to compare variants by; ``loss`` itself, batch by batch, if not given.
        scale: How the metric becomes points, where that is known beforehand.
        training_metric: The metric on training batches as they are met, one number per sample;
            ``None`` not to measure it.
    """

    loss: Judgement
    metric: _Judge
    losses: _Judge | None = None
    scale: MetricScale | None = None
    training_metric: Judgement | None = None

    @property
    def is_judged_by_loss(self) -> bool:
        """True if the metric is the loss itself, sample by sample."""
        return self.metric is self.losses

    def judge(self, outputs: object, targets: object) -> tuple[Units, Units]:
        """Return the metric and the loss of every unit."""
        values = self.compute_values(outputs, targets)
        if self.is_judged_by_loss:
            return values, values
        losses = (self.losses or self.loss)(outputs, targets)
        return values, _per_unit(losses, "loss", count_samples(targets))

    def compute_values(self, outputs: object, targets: object) -> Units:
        """Return the metric of every unit."""
        return _per_unit(self.metric(outputs, targets), "metric", count_samples(targets))

    def check(self, outputs: object, targets: object) -> None:
        """Check on one batch that the loss can be trained and compared.

        Raises:
            ConfigError: If it is not one number, or is judged sample by sample and is no mean over
                samples.
        """
        loss = self.loss(outputs, targets)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            got = list(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
            message = f"loss must return a tensor of one number, got {got}: take the mean"
            raise ConfigError(message)
        if not self.is_judged_by_loss:
            return
        together, apart = float(loss), self.compute_values(outputs, targets).mean
        if abs(together - apart) > _SAME_LOSS * max(abs(together), abs(apart)):
            message = (
                "loss must be a mean over samples where no metric is given, got "
                f"{together:.4g} for a batch whose samples have {apart:.4g}: give a metric"
            )
            raise ConfigError(message)


def build_objective(loss: Judgement, metric: Judgement | None = None) -> Objective:
    """Build an objective from a loss, and a metric if there is one.

    Without a metric, cross-entropy is judged by accuracy, and any other loss by itself, sample by
    sample: it must then be a mean over samples.

    Args:
        loss: Maps outputs and targets to one number to minimize.
        metric: Maps outputs and targets to one number per sample, [B], or one for the batch, [].

    Raises:
        ConfigError: If one of them is no function.
    """
    for name, given in (("loss", loss), ("metric", metric)):
        if not callable(given) and (name == "loss" or given is not None):
            message = f"{name} must be a function of outputs and targets, got {given!r}"
            raise ConfigError(message)
    losses = _find_class_losses(loss)
    if metric is not None:
        return Objective(loss=loss, metric=metric, losses=losses)
    if losses is not None or isinstance(loss, nn.CrossEntropyLoss):
        accuracy = partial(_class_accuracy, ignored=getattr(loss, "ignore_index", IGNORED_CLASS))
        return Objective(loss=loss, metric=accuracy, losses=losses, scale=ACCURACY)
    one_by_one = _split_samples(loss)
    return Objective(loss=loss, metric=one_by_one, losses=one_by_one)


def count_samples(batch: object) -> int:
    """Count the samples of inputs or targets: the length of the first tensor in them."""
    if isinstance(batch, Mapping):
        return count_samples(next(iter(batch.values()), None))
    if (
        isinstance(batch, tuple | list)
        and len(batch)
        and isinstance(batch[0], Tensor | tuple | list)
    ):
        return count_samples(batch[0])
    if isinstance(batch, Tensor):
        return len(batch) if batch.dim() else 1
    return len(batch) if isinstance(batch, Sized) else 1


def _find_class_losses(loss: Judgement) -> _Judge | None:
    """Find the losses per sample of a cross-entropy that is the mean over all targets."""
    if loss is F.cross_entropy:
        return _class_losses
    if not isinstance(loss, nn.CrossEntropyLoss):
        return None
    if loss.weight is not None or loss.reduction != "mean":
        return None
    return partial(_class_losses, ignored=loss.ignore_index, label_smoothing=loss.label_smoothing)


def _split_samples(loss: Judgement) -> Judgement:
    """Turn a loss of a batch into one loss per sample, shape [B]."""

    def compute(outputs: object, targets: object) -> Tensor:
        if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor):
            got = f"{type(outputs).__name__} and {type(targets).__name__}"
            message = f"metric must be given where outputs and targets are no tensors, got {got}"
            raise ConfigError(message)
        pairs = zip(outputs.split(1), targets.split(1), strict=True)
        return torch.stack([loss(output, target).mean() for output, target in pairs])

    return compute


def _per_unit(numbers: object, name: str, samples: int) -> Units:
    """Return one number per unit.

    Raises:
        ConfigError: If the function gave something else than numbers.
    """
    if isinstance(numbers, Units):
        return numbers
    if not isinstance(numbers, Tensor) or numbers.is_complex():
        message = f"{name} must return a tensor of real numbers, got {type(numbers).__name__}"
        raise ConfigError(message)
    values = numbers.detach().double()
    if values.dim() == 0:
        return Units(values=values[None], weights=values.new_full((1,), samples))
    means = values.flatten(1).mean(dim=1) if values.dim() > 1 else values
    return Units(values=means, weights=torch.ones_like(means))


def _per_kept_target(numbers: Tensor, is_kept: Tensor) -> Units:
    """Average over the targets of each sample that are not left out, [B, ...]; they are weights."""
    if numbers.dim() == 1:
        return Units(values=numbers.detach().double(), weights=is_kept.double())
    numbers, kept = (one.double().reshape(len(one), -1) for one in (numbers.detach(), is_kept))
    weights = kept.sum(dim=1)
    return Units(values=(numbers * kept).sum(dim=1) / weights.clamp(min=1), weights=weights)


def _is_right(outputs: Tensor, targets: Tensor) -> Tensor:
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


def _class_accuracy(outputs: Tensor, targets: Tensor, *, ignored: int = IGNORED_CLASS) -> Units:
    return _per_kept_target(_is_right(outputs, targets), targets != ignored)


def compute_cross_entropies(
    outputs: Tensor, targets: Tensor, *, ignored: int = IGNORED_CLASS
) -> Tensor:
    """Compute the cross-entropy of every sample.

    PyTorch's own is several times slower where classes are few, and each way to make that one as
    fast rounds a sample differently by its place among the others; elementwise steps do neither.

    Args:
        outputs: A number per class, [B, C, ...].
        targets: Classes, [B, ...], or shares of every class, as the outputs.
        ignored: Class of targets that count as 0.

    Returns:
        Losses in nats, [B, ...].
    """
    if targets.is_floating_point() or outputs.ndim != _SAMPLES_BY_CLASSES:
        return F.cross_entropy(outputs, targets, reduction="none", ignore_index=ignored)
    is_ignored = targets == ignored
    shifted = outputs - outputs.detach().amax(dim=1, keepdim=True)
    chosen = shifted.gather(1, targets.masked_fill(is_ignored, 0).unsqueeze(1)).squeeze(1)
    losses = shifted.exp().sum(dim=1).log() - chosen
    return losses.masked_fill(is_ignored, 0.0)


def _class_losses(
    outputs: Tensor,
    targets: Tensor,
    *,
    ignored: int = IGNORED_CLASS,
    label_smoothing: float = 0.0,
) -> Units:
    if label_smoothing:
        losses = F.cross_entropy(
            outputs,
            targets,
            reduction="none",
            ignore_index=ignored,
            label_smoothing=label_smoothing,
        )
    else:
        losses = compute_cross_entropies(outputs, targets, ignored=ignored)
    if targets.is_floating_point():  # shares of every class, of which none is left out
        return _per_unit(losses, "loss", len(losses))
    return _per_kept_target(losses, targets != ignored)


def _next_byte_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def _next_byte_losses(outputs: Tensor, targets: Tensor) -> Tensor:
    return F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none").mean(dim=1)


def _bits_per_byte(outputs: Tensor, targets: Tensor) -> Tensor:
    return _next_byte_losses(outputs, targets) / torch.log(torch.tensor(2.0))


CLASSIFICATION: Final = Objective(
    loss=F.cross_entropy,
    metric=_class_accuracy,
    losses=_class_losses,
    scale=ACCURACY,
    training_metric=_is_right,
)
"""Outputs [B, C, ...], classes [B, ...]: cross-entropy, judged by accuracy."""

BITS_PER_BYTE: Final = MetricScale(name="bits per byte", best=0.0, worst=8.0)
"""Bits a perfect coder would need for a byte of text; 8 is no compression."""

NEXT_BYTE: Final = Objective(
    loss=_next_byte_loss, metric=_bits_per_byte, losses=_next_byte_losses, scale=BITS_PER_BYTE
)
"""Outputs [B, T, 256], next bytes [B, T]: cross-entropy, judged by bits per byte."""
