"""Training data held on a device, in epochs whose order and content an owned generator decides."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import torch
from torch import Tensor

from tamiyo.contracts import ConfigError, ShapeError, derive_seed
from tamiyo.tasks.canvas import CanvasConfig, draw_canvases
from tamiyo.tasks.objectives import CLASSIFICATION, Objective

__all__ = [
    "Batches",
    "CanvasData",
    "ShuffledData",
    "Split",
    "Splits",
    "TaskData",
    "TrainingData",
    "count_batches",
]

Batches = Iterable[tuple[Any, Any]]
"""Pairs of inputs and targets; can be gone through more than once."""

_CHUNK_SAMPLES: Final = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Samples with their targets; going through it gives chunks of at most 512 samples.

    Attributes:
        inputs: Inputs, shape [N, ...].
        targets: Targets, shape [N, ...].
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        """Refuse tensors that do not belong together.

        Raises:
            ShapeError: If there are no samples, or not as many targets as inputs.
        """
        samples = [tuple(tensor.shape[:1]) for tensor in (self.inputs, self.targets)]
        if samples[0] != samples[1] or samples[0] in {(), (0,)}:
            got = f"{list(self.inputs.shape)} and {list(self.targets.shape)}"
            message = f"inputs and targets must hold the same number of samples, got {got}"
            raise ShapeError(message)

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.targets)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return zip(
            self.inputs.split(_CHUNK_SAMPLES), self.targets.split(_CHUNK_SAMPLES), strict=True
        )

    def to(self, device: torch.device) -> Self:
        """Return the same split on another device."""
        return type(self)(inputs=self.inputs.to(device), targets=self.targets.to(device))


@dataclass(frozen=True, kw_only=True, eq=False)
class Splits:
    """The three parts of a data set, disjoint by sample.

    Attributes:
        train: What hosts learn from.
        control: What rewards, gates and counterfactuals are measured on.
        test: What only the final report sees.
    """

    train: Split
    control: Split
    test: Split

    def to(self, device: torch.device) -> Self:
        """Return the same splits on another device."""
        return type(self)(
            train=self.train.to(device), control=self.control.to(device), test=self.test.to(device)
        )


class TrainingData(Protocol):
    """What a host is trained and measured on, a user's data or a task's."""

    @property
    def objective(self) -> Objective:
        """What the host is trained for and judged by."""

    @property
    def control(self) -> Batches:
        """The control split, the same for every environment and epoch."""

    @property
    def test(self) -> Batches | None:
        """The test split; only the final report may look at it. ``None`` if there is none."""

    @property
    def example(self) -> Any:  # noqa: ANN401  # whatever the user's host is called with
        """What the host is called with, to find shapes with."""

    def train_batches(self, generator: torch.Generator) -> Iterator[tuple[Any, Any]]:
        """Start one epoch: inputs and targets, batch by batch.

        Args:
            generator: An owned CPU generator that every draw comes from.
        """


class TaskData(TrainingData, Protocol):
    """A task's data: tensors, and an epoch of known size."""

    @property
    def control(self) -> Split:
        """The control split, the same for every environment."""

    @property
    def test(self) -> Split:
        """The test split; only the final report may look at it."""

    @property
    def batch_size(self) -> int:
        """Samples of a full batch."""

    @property
    def train_size(self) -> int:
        """Training samples of an epoch."""

    @property
    def batches_per_epoch(self) -> int:
        """Batches of an epoch, a last partial one included."""

    @property
    def example(self) -> Tensor:
        """A batch of inputs to find shapes with, [batch_size or fewer, ...]."""

    def train_batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Start one epoch: inputs [B, ...] and targets [B, ...], batch by batch.

        Args:
            generator: An owned CPU generator. All draws are made before this returns and their
                number never changes, so an epoch cut short leaves it as a whole one does.
        """

    def to(self, device: torch.device) -> TaskData:
        """Return the same data on another device."""


class ShuffledData:
    """Fixed training samples in a new order each epoch."""

    def __init__(
        self, splits: Splits, *, batch_size: int, objective: Objective = CLASSIFICATION
    ) -> None:
        """Hold the splits.

        Args:
            splits: The data.
            batch_size: Samples of a full batch, at least 1.
            objective: What hosts are trained for and judged by.

        Raises:
            ConfigError: If ``batch_size`` is below 1.
        """
        self._splits = splits
        self.objective = objective
        self.batch_size = batch_size
        self.train = splits.train
        self.control = splits.control
        self.test = splits.test
        self.train_size = len(splits.train)
        self.batches_per_epoch = count_batches(self.train_size, batch_size)
        self.example = self.control.inputs[:batch_size]

    def train_batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Start one epoch over the training samples; the last batch may be smaller.

        Args:
            generator: An owned CPU generator; it advances by one permutation before this returns.
        """
        order = torch.randperm(self.train_size, generator=generator)
        return _cut_batches(self._splits.train, order, self.batch_size)

    def to(self, device: torch.device) -> ShuffledData:
        """Return the same data on another device."""
        return ShuffledData(
            self._splits.to(device), batch_size=self.batch_size, objective=self.objective
        )


class CanvasData:
    """Digits on cluttered canvases: fresh ones to train on, fixed ones to measure with."""

    def __init__(self, digits: Splits, config: CanvasConfig, *, batch_size: int) -> None:
        """Draw the control and test canvases from the digits of their own split.

        Args:
            digits: Source digits of each split.
            config: What a canvas looks like and how many of them a held-out digit gets.
            batch_size: Samples of a full batch, at least 1.

        Raises:
            ConfigError: If ``batch_size`` is below 1, or the digits do not suit the canvas.
        """
        self._digits = digits
        self._config = config
        self.objective = CLASSIFICATION
        self.batch_size = batch_size
        self.control = _draw_fixed(digits.control, config, "control canvases")
        self.test = _draw_fixed(digits.test, config, "test canvases")
        self.train_size = len(digits.train)
        self.batches_per_epoch = count_batches(self.train_size, batch_size)
        self.example = self.control.inputs[:batch_size]

    def train_batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Start one epoch: every training digit on a fresh canvas; the last batch may be smaller.

        Args:
            generator: An owned CPU generator; it advances by the canvases of all training digits
                and one permutation before this returns.
        """
        digits = self._digits.train
        canvases = draw_canvases(digits.inputs, self._config, generator)
        order = torch.randperm(self.train_size, generator=generator)
        return _cut_batches(Split(inputs=canvases, targets=digits.targets), order, self.batch_size)

    def to(self, device: torch.device) -> CanvasData:
        """Return the same data, canvas by canvas, on another device."""
        return CanvasData(self._digits.to(device), self._config, batch_size=self.batch_size)


def count_batches(train_size: int, batch_size: int) -> int:
    """Count the batches of an epoch, a last partial one included.

    Args:
        train_size: Samples of the epoch.
        batch_size: Samples of a full batch.

    Raises:
        ConfigError: If ``batch_size`` is below 1.

    >>> count_batches(897, 64)
    15
    """
    if batch_size < 1:
        message = f"batch_size must be at least 1, got {batch_size}"
        raise ConfigError(message)
    return -(-train_size // batch_size)


def _cut_batches(split: Split, order: Tensor, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
    rows = order.to(split.targets.device)
    inputs, targets = (
        whole.index_select(0, rows).split(batch_size) for whole in (split.inputs, split.targets)
    )
    return zip(inputs, targets, strict=True)


def _draw_fixed(digits: Split, config: CanvasConfig, purpose: str) -> Split:
    generator = torch.Generator().manual_seed(derive_seed(0, 0, purpose))
    rounds = config.canvases_per_digit
    canvases = [draw_canvases(digits.inputs, config, generator) for _ in range(rounds)]
    return Split(inputs=torch.cat(canvases), targets=digits.targets.repeat(rounds))
