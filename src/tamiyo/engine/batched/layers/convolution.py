"""Convolutions of many networks at once, by the lowering that suits the shape.

On small maps one matrix product does it: a convolution is linear, and its matrix is written out.
Else patches are laid out as columns, a few networks at a time so that they stay in the cache. With
many channels on larger maps PyTorch's grouped convolution is the fastest, one group per network.
``benchmarks/engine.py --layers`` compares them. The choice depends on the layer's shape alone,
never on the number of networks: a network's numbers must not depend on what stands beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import product
from math import gcd, prod
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.engine.batched.bank import ALIGNED_NUMBERS
from tamiyo.engine.batched.layers.features import order_gradient
from tamiyo.engine.batched.layers.normalization import per_channel
from tamiyo.engine.batched.layers.products import (
    ask_for_equal_bits,
    multiply,
    multiply_plainly,
)
from tamiyo.engine.batched.layers.registry import Layout, batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.engine.batched.layers.registry import Rows

__all__ = ["Geometry", "Lowering", "choose_lowering", "convolve"]

_DENSE_PIXELS: Final = 16
_DENSE_NUMBERS: Final = 512
_DENSE_SAMPLES: Final = 8
_GROUPED_CHANNELS: Final = 16
_MOST_NUMBERS: Final = 1 << 24
"""Numbers of columns that are held at once, 64 MiB of them."""


class Lowering(StrEnum):
    """How a convolution is computed."""

    POINTWISE = "pointwise"
    DENSE = "dense"
    COLUMNS = "columns"
    GROUPED = "grouped"


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


def choose_lowering(geometry: Geometry, samples: int) -> Lowering:
    """Choose how to compute a convolution, from its shape alone."""
    if geometry.is_pointwise:
        return Lowering.POINTWISE
    pixels = prod(geometry.size)
    matrix = geometry.inputs * pixels * geometry.outputs * prod(geometry.output_size)
    is_cheap = pixels <= _DENSE_PIXELS and matrix <= _DENSE_NUMBERS * samples
    # No more products than columns would make, since every tap of these misses the map somewhere.
    is_small = pixels <= prod(geometry.kernel) and samples >= _DENSE_SAMPLES
    if is_cheap or is_small:
        return Lowering.DENSE
    is_wide = min(geometry.inputs, geometry.outputs) >= _GROUPED_CHANNELS
    return Lowering.GROUPED if is_wide else Lowering.COLUMNS


@batches(nn.Conv2d, layout=Layout.MAPS)
def _conv2d(layer: nn.Conv2d, rows: Rows, maps: Tensor) -> Tensor:
    if layer.padding_mode != "zeros" or isinstance(layer.padding, str):
        message = "convolution must be padded by a number of zeros"
        raise NotImplementedError(message)
    groups = layer.groups
    weight = rows["weight"]  # [R, O, C / groups, h, w]
    if groups > 1:  # a group is like a network of its own
        maps = maps.unflatten(1, (groups, -1)).flatten(0, 1)
        weight = weight.unflatten(1, (groups, -1)).flatten(0, 1)
    geometry = Geometry(
        inputs=layer.in_channels // groups,
        outputs=layer.out_channels // groups,
        size=(maps.shape[2], maps.shape[3]),
        kernel=layer.kernel_size,  # type: ignore[arg-type]  # a pair, in a layer
        stride=layer.stride,  # type: ignore[arg-type]  # a pair
        padding=layer.padding,  # type: ignore[arg-type]  # a pair
        dilation=layer.dilation,  # type: ignore[arg-type]  # a pair
    )
    bias = None if layer.bias is None else rows["bias"].unflatten(1, (groups, -1)).flatten(0, 1)
    outputs = convolve(maps, weight, bias, geometry, choose_lowering(geometry, maps.shape[-1]))
    return outputs.view(rows.count, layer.out_channels, *outputs.shape[2:])


def convolve(
    maps: Tensor, weight: Tensor, bias: Tensor | None, geometry: Geometry, lowering: Lowering
) -> Tensor:
    """Convolve the maps of each network with its own weights.

    Args:
        maps: Shape [R, C, H, W, B].
        weight: Shape [R, O, C, h, w].
        bias: Shape [R, O], or ``None``.
        geometry: What the shapes do not say.
        lowering: How to compute it.

    Returns:
        Shape [R, O, H', W', B].
    """
    shape = (len(maps), geometry.outputs, *geometry.output_size, maps.shape[-1])
    matrix = weight.flatten(2)
    if lowering == Lowering.COLUMNS:
        if bias is not None:  # the weight of a row of ones under the columns
            matrix = torch.cat([matrix, bias.unsqueeze(2)], dim=2)
        if not ask_for_equal_bits():
            rows = ALIGNED_NUMBERS // gcd(ALIGNED_NUMBERS, geometry.outputs)
            matrix = F.pad(matrix, (0, -matrix.shape[2] % rows))  # to a size that needs no copies
        return _multiply_columns(maps, matrix, geometry).view(shape)
    if lowering == Lowering.POINTWISE:
        outputs = multiply(matrix, maps.flatten(2))
    elif lowering == Lowering.GROUPED:
        outputs = _convolve_grouped(maps, weight, geometry)
    else:
        outputs = _multiply_densely(maps, weight, geometry)
    outputs = outputs.view(shape)
    return outputs if bias is None else outputs.add_(per_channel(bias))


def _convolve_grouped(maps: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """PyTorch's grouped convolution, one group per network."""
    networks = len(maps)
    if networks == 1:  # a single group is computed by another kernel, which rounds differently
        more, others = (torch.cat([one, torch.zeros_like(one)]) for one in (maps, weight))
        return _convolve_grouped(more, others, geometry)[:1]
    outputs = F.conv2d(
        order_gradient(maps).permute(4, 0, 1, 2, 3).flatten(1, 2),
        weight.flatten(0, 1),
        stride=geometry.stride,
        padding=geometry.padding,
        dilation=geometry.dilation,
        groups=networks,
    )
    apart: Tensor = outputs.unflatten(1, (networks, -1)).permute(1, 2, 3, 4, 0)
    return apart.contiguous()


class _DenseConvolution(torch.autograd.Function):
    """The convolution's matrix [O H' W', H W C], written out for every network, times its maps."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:  # noqa: ANN401  # torch gives it no type
        """Return the convolution, [R, O H' W', B]."""
        taps = _find_taps(geometry, maps.device)
        # The channels of a tap lie side by side, so that they are copied together; behind the last
        # tap are the zeros of pixels that do not meet.
        by_tap = F.pad(weight.flatten(3).transpose(2, 3), (0, 0, 0, 1))  # [R, O, taps, C]
        matrix = by_tap.index_select(2, taps).view(len(maps), -1, maps[0, ..., 0].numel())
        pixels = _swap_channels(maps.flatten(2, 3)).flatten(1, 2)  # [R, H W C, B]
        ctx.save_for_backward(pixels, matrix, taps)
        ctx.shapes = maps.shape, weight.shape
        return multiply_plainly(matrix, pixels)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # noqa: ANN401  # as above
        """Return the gradients of maps and weight."""
        pixels, matrix, taps = ctx.saved_tensors
        maps_shape, weight_shape = ctx.shapes
        networks, outputs, channels, height, width = weight_shape
        of_maps = of_weight = None
        if ctx.needs_input_grad[0]:
            of_pixels = multiply_plainly(matrix.mT, gradient).unflatten(1, (-1, channels))
            of_maps = _swap_channels(of_pixels).view(maps_shape)
        if ctx.needs_input_grad[1]:
            of_matrix = multiply_plainly(gradient, pixels.mT)
            of_taps = matrix.new_zeros(networks, outputs, height * width + 1, channels)
            of_taps.index_add_(2, taps, of_matrix.view(networks, outputs, -1, channels))
            of_weight = of_taps[:, :, :-1].transpose(2, 3).reshape(weight_shape)
        return of_maps, of_weight, None


@lru_cache(maxsize=256)
def _find_taps(geometry: Geometry, device: torch.device) -> Tensor:
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


def _swap_channels(numbers: Tensor) -> Tensor:
    """Copy [R, C, pixels, B] to [R, pixels, C, B], or back."""
    return numbers.transpose(1, 2).contiguous()


def _multiply_densely(maps: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    maps = maps.contiguous()
    outputs: Tensor = _DenseConvolution.apply(maps, weight, geometry)  # type: ignore[no-untyped-call]  # torch's
    return outputs


class _ColumnConvolution(torch.autograd.Function):
    """Patches as columns [C h w, H' W' B]; where they are many, a block of networks at a time."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, matrix: Tensor, geometry: Geometry) -> Tensor:  # noqa: ANN401  # torch gives it no type
        """Return the products, [R, O, H' W' B]."""
        high, wide = geometry.output_size
        outputs = maps.new_empty(len(maps), geometry.outputs, high * wide * maps.shape[-1])
        blocks = _list_blocks(maps, geometry)
        columns = maps.new_empty(0)
        for block in blocks:
            columns = _lay_out(maps[block], geometry, rows=matrix.shape[2])
            multiply_plainly(matrix[block], columns, outputs[block])
        kept = columns if len(blocks) == 1 else maps.new_empty(0)
        ctx.save_for_backward(maps, matrix, kept)
        ctx.geometry = geometry
        return outputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, None]:  # noqa: ANN401  # as above
        """Return the gradients of maps and matrix."""
        maps, matrix, kept = ctx.saved_tensors
        of_maps = torch.empty_like(maps) if ctx.needs_input_grad[0] else None
        of_matrix = matrix.new_empty(matrix.shape)
        for block in _list_blocks(maps, ctx.geometry):
            columns = (
                kept if len(kept) else _lay_out(maps[block], ctx.geometry, rows=matrix.shape[2])
            )
            multiply_plainly(gradient[block], columns.mT, of_matrix[block])
            if of_maps is not None:
                products = multiply_plainly(matrix[block].mT, gradient[block])
                of_maps[block] = _add_up(products, maps.shape[1:], ctx.geometry)
        return of_maps, of_matrix, None


def _multiply_columns(maps: Tensor, matrix: Tensor, geometry: Geometry) -> Tensor:
    if maps.stride(0) == 0 and not torch.is_grad_enabled():  # all networks see the same maps
        columns = _lay_out(maps[:1], geometry, rows=matrix.shape[2])
        return multiply_plainly(matrix, columns.expand(len(maps), -1, -1))
    outputs: Tensor = _ColumnConvolution.apply(maps.contiguous(), matrix, geometry)  # type: ignore[no-untyped-call]  # torch's
    return outputs


def _list_blocks(maps: Tensor, geometry: Geometry) -> list[slice]:
    """List blocks of networks whose columns are few enough to be held at once."""
    (height, width), (high, wide) = geometry.kernel, geometry.output_size
    numbers = geometry.inputs * height * width * high * wide * maps.shape[-1]
    length = max(1, _MOST_NUMBERS // numbers)
    return [slice(begin, begin + length) for begin in range(0, len(maps), length)]


def _lay_out(maps: Tensor, geometry: Geometry, *, rows: int) -> Tensor:
    """Lay patches out as columns [R, rows, H' W' B]; a row beyond those of the patches is ones."""
    (down, right), (high, wide) = geometry.padding, geometry.output_size
    networks, channels, height, width, samples = maps.shape
    padded = maps.new_zeros(networks, channels, height + 2 * down, width + 2 * right, samples)
    padded[:, :, down : down + height, right : right + width] = maps
    patches = _view_patches(padded, geometry)
    used = patches[0].numel() // (high * wide * samples)
    columns = maps.new_empty(networks, rows, high * wide * samples)
    columns[:, :used].view(patches.shape).copy_(patches)
    columns[:, used:] = 1
    return columns


def _add_up(columns: Tensor, shape: torch.Size, geometry: Geometry) -> Tensor:
    """Add every patch to the pixels it was taken from; returns maps [R, *shape]."""
    (down, right), (height, width) = geometry.padding, geometry.kernel
    channels, high, wide, samples = shape
    padded = columns.new_zeros(len(columns), channels, high + 2 * down, wide + 2 * right, samples)
    places = _view_patches(padded, geometry)  # [R, C, h, w, H', W', B]
    used = places[0].numel() // columns.shape[2]
    patches = columns[:, :used].view(places.shape)
    for row, column in product(range(height), range(width)):
        places[:, :, row, column] += patches[:, :, row, column]
    return padded[:, :, down : down + high, right : right + wide]


def _view_patches(padded: Tensor, geometry: Geometry) -> Tensor:
    """View padded maps as patches, [R, C, h, w, H', W', B]; they overlap."""
    networks, channels, down, right, samples = padded.stride()
    return padded.as_strided(
        (*padded.shape[:2], *geometry.kernel, *geometry.output_size, padded.shape[-1]),
        (
            networks,
            channels,
            down * geometry.dilation[0],
            right * geometry.dilation[1],
            down * geometry.stride[0],
            right * geometry.stride[1],
            samples,
        ),
    )
