"""LoaderData: a user's own batches as the data of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

from tamiyo.contracts import ConfigError
from tamiyo.model import drawing_from

if TYPE_CHECKING:
    from tamiyo.tasks import Batches, Objective

__all__ = ["FixedBatches", "LoaderData"]

_PAIR: Final = 2
_EXAMPLE_SAMPLES: Final = 16


class LoaderData:
    """Batches of the user's: a ``DataLoader``, a list, or anything else that starts over.

    What a loader draws from PyTorch's global generator, its order for example, it draws from an
    owned one instead; a generator of its own is seeded anew for every epoch.

    Args:
        train: Batches to learn from, pairs of inputs and targets.
        control: Batches to measure with; drawn the same way every time.
        test: Batches for the final report only, or ``None``.
        objective: What the host is trained for and judged by.

    Attributes:
        objective: What the host is trained for and judged by.
        control: The control batches.
        test: The test batches, or ``None``.
        example: The first samples of control, to find shapes with.
        first_of_test: The first test batch, or ``None``.

    Raises:
        ConfigError: If they cannot be gone through twice, do not begin with a pair, or control or
            test hold nothing.
    """

    def __init__(
        self, train: Batches, control: Batches, test: Batches | None, objective: Objective
    ) -> None:
        _check_restarts("train", train)
        self.objective = objective
        self.control: Batches = FixedBatches("control", control)
        self.test: Batches | None = None if test is None else FixedBatches("test", test)
        self.example = _cut_example(_read_first("control", self.control)[0])
        self.first_of_test = None if self.test is None else _read_first("test", self.test)
        self._train = train

    def train_batches(self, generator: torch.Generator) -> Iterator[tuple[Any, Any]]:
        """Start one epoch.

        Args:
            generator: An owned CPU generator; it advances by what the loader draws.
        """
        return _draw_batches("train", self._train, generator)


class FixedBatches:
    """Batches of the user's that come out the same every time.

    Args:
        name: What they are for, for messages.
        batches: Pairs of inputs and targets.

    Raises:
        ConfigError: If they cannot be gone through twice.
    """

    def __init__(self, name: str, batches: Batches) -> None:
        _check_restarts(name, batches)
        self._name = name
        self._batches = batches

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        return _draw_batches(self._name, self._batches, torch.Generator().manual_seed(0))


def _draw_batches(
    name: str, batches: Batches, generator: torch.Generator
) -> Iterator[tuple[Any, Any]]:
    """Yield the batches; only what the loader itself draws comes from the generator."""
    _reseed(batches, generator)
    with drawing_from(generator):
        iterator = iter(batches)
    while True:
        with drawing_from(generator):
            try:
                batch = next(iterator)
            except StopIteration:
                return
        yield _check_pair(name, batch)


def _reseed(batches: Batches, generator: torch.Generator) -> None:
    """Seed a generator that a loader has of its own, so that its order is the run's, too."""
    own = getattr(batches, "generator", None)
    if isinstance(own, torch.Generator):
        own.manual_seed(int(torch.randint(2**62, (), generator=generator)))


def _check_restarts(name: str, batches: object) -> None:
    """Refuse batches that can be gone through only once.

    Raises:
        ConfigError: If they can, or are no batches at all.
    """
    kind = type(batches).__name__
    if not isinstance(batches, Iterable) or isinstance(batches, Tensor):
        message = f"{name} must be an iterable of (inputs, targets) batches, got {kind}"
        raise ConfigError(message)
    if isinstance(batches, Iterator):
        message = (
            f"{name} must be gone through every epoch, got a {kind}, which can be only once: "
            "give a list or a DataLoader"
        )
        raise ConfigError(message)


def _check_pair(name: str, batch: object) -> tuple[Any, Any]:
    """Return inputs and targets.

    Raises:
        ConfigError: If the batch is no pair.
    """
    if not isinstance(batch, tuple | list) or len(batch) != _PAIR:
        length = f" of {len(batch)}" if isinstance(batch, tuple | list) else ""
        message = (
            f"batches of {name} must be pairs of inputs and targets, "
            f"got a {type(batch).__name__}{length}"
        )
        raise ConfigError(message)
    return batch[0], batch[1]


def _read_first(name: str, batches: Batches) -> tuple[Any, Any]:
    """Return the first batch.

    Raises:
        ConfigError: If there is none.
    """
    for batch in batches:
        return batch
    message = f"{name} must hold at least one batch, got none"
    raise ConfigError(message)


def _cut_example(inputs: object) -> object:
    """Take as many samples as shapes can be found with."""
    return inputs[:_EXAMPLE_SAMPLES] if isinstance(inputs, Tensor) else inputs
