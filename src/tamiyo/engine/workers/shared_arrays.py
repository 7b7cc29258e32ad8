"""Named arrays in one block of shared memory that every process can look at."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from multiprocessing.shared_memory import SharedMemory
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

__all__ = ["ArrayField", "SharedArrays"]

_ALIGNMENT: Final = 64
"""Bytes of a cache line; every array begins on one of its own."""


@dataclass(frozen=True, kw_only=True)
class ArrayField:
    """One array: a row of this shape and type for every environment.

    Attributes:
        name: Its name.
        shape: Shape of one environment's row.
        dtype: NumPy's name of its type, for example ``"float32"``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    def count_bytes(self, rows: int) -> int:
        """Count the bytes of so many rows, rounded up to whole cache lines."""
        size = rows * prod(self.shape) * np.dtype(self.dtype).itemsize
        return -(-size // _ALIGNMENT) * _ALIGNMENT


class _Block:
    """A mapped block that stays mapped for as long as an array looks at it.

    Arrays made from a buffer would keep the block from being unmapped; arrays made from this object
    have it as their base.
    """

    def __init__(self, memory: SharedMemory) -> None:
        assert memory.buf is not None, "the block is mapped"
        self.memory = memory
        self.__array_interface__ = np.frombuffer(memory.buf, dtype=np.uint8).__array_interface__


class SharedArrays:
    """Arrays with one row per environment in one block of shared memory.

    An instance can be sent to a spawned process, which looks at the same memory. Who created it
    removes it; an array that is still held then keeps its numbers.

    Args:
        fields: The arrays.
        rows: Number of environments.
        memory: The block they lie in.

    Attributes:
        views: Name to array, shape ``[rows, ...]``.

    >>> shared = SharedArrays.create([ArrayField(name="loss", shape=(), dtype="float64")], rows=2)
    >>> shared.views["loss"]
    array([0., 0.])
    >>> shared.unlink()
    """

    def __init__(self, fields: Sequence[ArrayField], rows: int, memory: SharedMemory) -> None:
        self._fields = tuple(fields)
        self._rows = rows
        self._block = _Block(memory)
        self._is_linked = True
        self.views = self._find_views()

    @classmethod
    def create(cls, fields: Sequence[ArrayField], rows: int) -> Self:
        """Take a new block, filled with zeros.

        Args:
            fields: The arrays.
            rows: Number of environments.
        """
        size = sum(field.count_bytes(rows) for field in fields)
        return cls(fields, rows, SharedMemory(create=True, size=max(1, size)))

    @classmethod
    def attach(cls, fields: Sequence[ArrayField], rows: int, name: str) -> Self:
        """Look at a block that another process created.

        Args:
            fields: The arrays, as they were declared there.
            rows: Number of environments.
            name: The block's name.
        """
        return cls(fields, rows, SharedMemory(name=name))

    def __reduce__(self) -> tuple[object, tuple[tuple[ArrayField, ...], int, str]]:
        return type(self).attach, (self._fields, self._rows, self.name)

    @property
    def name(self) -> str:
        """The block's name in the system."""
        return self._block.memory.name

    def unlink(self) -> None:
        """Remove the block from the system; whoever looks at it now still can. Repeatable."""
        if self._is_linked:
            self._is_linked = False
            self._block.memory.unlink()

    def _find_views(self) -> Mapping[str, NDArray[Any]]:
        memory = np.asarray(self._block)
        views, begin = {}, 0
        for field in self._fields:
            size = self._rows * prod(field.shape) * np.dtype(field.dtype).itemsize
            array = memory[begin : begin + size].view(field.dtype)
            views[field.name] = array.reshape(self._rows, *field.shape)
            begin += field.count_bytes(self._rows)
        return MappingProxyType(views)
