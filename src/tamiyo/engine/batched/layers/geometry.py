"""Where a convolution looks: which pixel that goes out sees which that comes in, by which tap."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Geometry", "Places", "find_places", "find_taps"]


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """Everything about a convolution but its numbers.

    Attributes:
        inputs: Channels that come in.
        outputs: Channels that go out.
        size: Height and width of the map that comes in.
        kernel: Height and width of the kernel.
        stride: Steps of the kernel.
        padding: Zeros around the map.
        dilation: Distance of the kernel's taps.
    """

    inputs: int
    outputs: int
    size: tuple[int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)

    @property
    def output_size(self) -> tuple[int, int]:
        """Height and width of the map that goes out."""
        height, width = (
            (self.size[axis] + 2 * self.padding[axis] - self._reach(axis)) // self.stride[axis] + 1
            for axis in (0, 1)
        )
        return height, width

    @property
    def is_pointwise(self) -> bool:
        """True if every pixel is looked at by itself."""
        return (self.kernel, self.stride, self.padding) == ((1, 1), (1, 1), (0, 0))

    def along_height(self) -> Geometry:
        """What is left of it for a map of one column."""
        names = ("size", "kernel", "stride", "dilation")
        one_column: dict[str, Any] = {name: (getattr(self, name)[0], 1) for name in names}
        return replace(self, padding=(self.padding[0], 0), **one_column)

    def spans(self) -> list[tuple[slice, slice]]:
        """What each column of the kernel reads along the width, and what that contributes to."""
        spans = [self._span(1, column) for column in range(self.kernel[1])]
        nothing = slice(0), slice(0)
        return [span if span[1].start < span[1].stop else nothing for span in spans]

    def taps(self) -> Iterator[tuple[tuple[int, int], tuple[slice, slice], tuple[slice, slice]]]:
        """Yield each tap that meets the map, the pixels it reads and those it contributes to."""
        for row in range(self.kernel[0]):
            for column in range(self.kernel[1]):
                read, write = zip(self._span(0, row), self._span(1, column), strict=True)
                if all(part.start < part.stop for part in write):
                    yield (row, column), read, write

    def _span(self, axis: int, tap: int) -> tuple[slice, slice]:
        """What a tap reads along one axis, and what that contributes to."""
        offset = tap * self.dilation[axis] - self.padding[axis]
        stride = self.stride[axis]
        first = max(0, -(offset // stride)) if offset < 0 else 0
        last = (self.size[axis] - 1 - offset) // stride
        last = min(self.output_size[axis] - 1, last)
        begin = first * stride + offset
        return slice(begin, last * stride + offset + 1, stride), slice(first, last + 1)

    def _reach(self, axis: int) -> int:
        return self.dilation[axis] * (self.kernel[axis] - 1) + 1


@lru_cache(maxsize=256)
def find_taps(geometry: Geometry, device: torch.device) -> Tensor:
    """Find the tap by which each pixel that goes out sees each that comes in.

    Returns:
        Shape [H' W' H W], int64; one past the last tap where it does not see it.
    """
    (height, width), (high, wide) = geometry.size, geometry.output_size
    taps = torch.full((high, wide, height, width), prod(geometry.kernel))
    for (row, column), read, write in geometry.taps():
        block = taps[write[0], write[1], read[0], read[1]]
        block.diagonal(dim1=0, dim2=2).diagonal(dim1=0, dim2=1).fill_(
            row * geometry.kernel[1] + column
        )
    return taps.flatten().to(device)


@dataclass(frozen=True, eq=False)
class Places:
    """Where the weights of a convolution stand in its matrix.

    Attributes:
        shape: Rows and columns of the matrix.
        weights: For each entry of the matrix its weight, one past the last where it is 0.
        entries: For each weight its entries, as many for each, filled up with 0.
        is_entry: 1 for an entry, 0 where it was filled up; float32.
    """

    shape: tuple[int, int]
    weights: Tensor
    entries: Tensor
    is_entry: Tensor


@lru_cache(maxsize=256)
def find_places(geometry: Geometry, device: torch.device) -> Places:
    """Find them by convolving, tap by tap, the numbers of the entries."""
    (height, width), (high, wide) = geometry.size, geometry.output_size
    shape = (geometry.outputs * high * wide, geometry.inputs * height * width)
    entries = _find_entries(geometry)
    weights = torch.full((shape[0] * shape[1],), len(entries))
    owners = torch.arange(len(entries))[:, None].expand_as(entries)
    weights[entries[entries >= 0]] = owners[entries >= 0]
    return Places(
        shape=shape,
        weights=weights.to(device),
        entries=entries.clamp(min=0).flatten().to(device),
        is_entry=(entries >= 0).flatten().float().to(device),
    )


def _find_entries(geometry: Geometry) -> Tensor:
    """Find the entries of each weight, [weights, most], filled up with -1."""
    (height, width), (high, wide) = geometry.size, geometry.output_size
    shape = (geometry.outputs, high, wide, geometry.inputs, height, width)
    numbers = torch.arange(prod(shape)).view(shape)
    of_weights: list[Tensor] = []
    met = {tap: (read, write) for tap, read, write in geometry.taps()}
    for row, column in product(range(geometry.kernel[0]), range(geometry.kernel[1])):
        read, write = met.get((row, column), ((slice(0), slice(0)), (slice(0), slice(0))))
        block = numbers[:, write[0], write[1], :, read[0], read[1]]  # [O, h, w, C, h, w]
        pixels = block.diagonal(dim1=1, dim2=4).diagonal(dim1=1, dim2=3)  # [O, C, h, w]
        of_weights.append(pixels.flatten(2))
    most = max(pixels.shape[2] for pixels in of_weights)
    padded = [F.pad(pixels, (0, most - pixels.shape[2]), value=-1) for pixels in of_weights]
    return torch.stack(padded, dim=2).flatten(0, 2)
