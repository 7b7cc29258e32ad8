"""The registry of batched layers: what each computes for many networks at once.

A batched layer is a function of the layer (for its settings), its :class:`Rows` (its tensors with a
leading axis R for the networks) and its input. It says which layout of features it takes:

- ``Layout.SAMPLES``: [R * B, ...], the samples of the first network, then those of the second ...
- ``Layout.MAPS``: [R, C, H, W, B], samples last.
- ``Layout.ANY``: either, for functions that work number by number.

A network's numbers must not depend on what stands beside it, to the last bit. Kernels compute the
last few numbers of a tensor in another way than the rest where that may differ in rounding
(exponentials, fused multiply-adds): see :func:`tamiyo.engine.batched.layers.pointwise.guard`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from torch import Tensor, nn

if TYPE_CHECKING:
    import torch

    from tamiyo.engine.batched.bank import Bank

__all__ = ["BatchedForm", "Layout", "Rows", "batches", "find_batched"]


class Layout(StrEnum):
    """How features lie in memory."""

    SAMPLES = "samples"
    MAPS = "maps"
    ANY = "any"


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


_Forward = TypeVar("_Forward", bound=Callable[..., Tensor])


@dataclass(frozen=True, kw_only=True)
class BatchedForm:
    """How a layer is computed for many networks.

    Attributes:
        forward: Maps the layer, its :class:`Rows` and its input to its output.
        layout: The layout of both.
    """

    forward: Callable[..., Tensor]
    layout: Layout


_FORMS: dict[type[nn.Module], BatchedForm] = {}


def batches(
    *kinds: type[nn.Module], layout: Layout = Layout.SAMPLES
) -> Callable[[_Forward], _Forward]:
    """Register a function as the batched form of layers of exactly these classes.

    Args:
        kinds: The classes.
        layout: How the input lies in memory; the output is to lie the same way.
    """

    def register(forward: _Forward) -> _Forward:
        form = BatchedForm(forward=forward, layout=layout)
        _FORMS.update(dict.fromkeys(kinds, form))
        return forward

    return register


def find_batched(layer: nn.Module) -> BatchedForm | None:
    """Return the batched form of a layer; ``None`` if there is none."""
    return _FORMS.get(type(layer))
