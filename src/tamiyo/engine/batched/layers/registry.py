"""Batched layers: what a layer computes for many environments at once.

Features of a population are one tensor whose first axis holds the samples of the first environment,
then those of the second, and so on: shape [R * B, ...] for R networks and B samples each. A module
without tensors of its own runs its own code on that, since samples do not meet. A layer that has
some needs an entry here: a function of the layer (for its settings), its tensors with a leading
axis R, and its input.

An environment's numbers must not depend on what stands beside it, to the last bit. Kernels compute
the last few numbers of a tensor in another way than the rest where that may differ in rounding
(exponentials, fused multiply-adds); use :func:`pointwise` for such functions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor, nn

if TYPE_CHECKING:
    import torch

    from tamiyo.engine.batched.bank import Bank

__all__ = ["BatchedForward", "Rows", "batches", "find_batched"]


class Rows:
    """The tensors of one layer in every network of a pass.

    Args:
        bank: Where they are.
        prefix: Path of the layer in the bank's modules, with a dot behind it, or nothing.
    """

    def __init__(self, bank: Bank, prefix: str) -> None:
        self._bank = bank
        self._prefix = prefix

    @property
    def count(self) -> int:
        """Networks of the pass, R."""
        return self._bank.count

    @property
    def generators(self) -> tuple[torch.Generator, ...]:
        """What each network draws random numbers from."""
        return self._bank.chosen.generators

    @property
    def keeps_statistics(self) -> bool:
        """True if running statistics are to be updated: in training, not in a shadow pass."""
        return not self._bank.chosen.is_fixed

    def __getitem__(self, name: str) -> Tensor:
        """Return a parameter or buffer of every network, shape [R, ...]."""
        return self._bank.read(self._prefix + name)

    def split(self, features: Tensor) -> Tensor:
        """Turn features [R * B, ...] into [R, B, ...]."""
        return features.reshape(self.count, -1, *features.shape[1:])


BatchedForward = Callable[..., Tensor]
"""Maps a layer, its :class:`Rows` and its input [R * B, ...] to its output [R * B, ...]."""

_Forward = TypeVar("_Forward", bound=BatchedForward)

_LAYERS: dict[type[nn.Module], BatchedForward] = {}


def batches(*kinds: type[nn.Module]) -> Callable[[_Forward], _Forward]:
    """Register a function as the batched form of layers of exactly these classes."""

    def register(forward: _Forward) -> _Forward:
        _LAYERS.update(dict.fromkeys(kinds, forward))
        return forward

    return register


def find_batched(layer: nn.Module) -> BatchedForward | None:
    """Return the batched form of a layer; ``None`` if there is none."""
    return _LAYERS.get(type(layer))
