"""Convolutions of many networks at once, by the lowering that suits the shape.

On small maps one matrix product does it: a convolution is linear, and its matrix is written out.
With few channels it is written out along the height alone, and patches along the width are copied.
Else whole patches are laid out as columns, a few networks at a time; with many channels PyTorch's
grouped convolution is the fastest, one group per network.
``benchmarks/engine.py --layers`` compares them. The choice depends on the layer's shape alone,
never on the number of networks: a network's numbers must not depend on what stands beside it.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import product
from math import gcd, prod
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.engine.batched.bank import ALIGNED_NUMBERS
from tamiyo.engine.batched.layers.features import order_gradient, permute
from tamiyo.engine.batched.layers.geometry import Geometry, find_places, find_taps
from tamiyo.engine.batched.layers.normalization import per_channel
from tamiyo.engine.batched.layers.products import (
    ask_for_equal_bits,
    multiply,
    multiply_plainly,
)
from tamiyo.engine.batched.layers.registry import Layout, batches

if TYPE_CHECKING:
    from tamiyo.engine.batched.layers.registry import Rows

__all__ = ["Lowering", "choose_lowering", "convolve"]

_DENSE_PIXELS: Final = 16
_DENSE_NUMBERS: Final = 512
_DENSE_SAMPLES: Final = 16
_LARGEST_MATRIX: Final = 1 << 18
_MANY_CHANNELS: Final = 8
_STRIP_HEIGHTS: Final = 4
_STRIP_OUTPUTS: Final = 15
_STRIP_WIDENING: Final = 4
_GROUPED_CHANNELS: Final = 16
_MOST_NUMBERS: Final = 1 << 24
"""Numbers of columns that are held at once, 64 MiB of them."""


class Lowering(StrEnum):
    """How a convolution is computed."""

    POINTWISE = "pointwise"
    DENSE = "dense"
    STRIPS = "strips"
    COLUMNS = "columns"
    GROUPED = "grouped"


def choose_lowering(geometry: Geometry, samples: int) -> Lowering:
    """Choose how to compute a convolution, from its shape alone."""
    if geometry.is_pointwise:
        return Lowering.POINTWISE
    inputs, outputs, pixels = geometry.inputs, geometry.outputs, prod(geometry.size)
    matrix = inputs * pixels * outputs * prod(geometry.output_size)
    if max(inputs, outputs) < _MANY_CHANNELS:
        is_dense = pixels <= _DENSE_PIXELS and matrix <= _DENSE_NUMBERS * samples
    else:  # where no more is multiplied than with columns
        is_free = pixels <= prod(geometry.kernel)
        is_dense = is_free and samples >= _DENSE_SAMPLES and matrix <= _LARGEST_MATRIX
    if is_dense:
        return Lowering.DENSE
    is_low = geometry.size[0] <= _STRIP_HEIGHTS * geometry.kernel[0]
    if is_low and outputs <= min(_STRIP_OUTPUTS, _STRIP_WIDENING * inputs):
        return Lowering.STRIPS
    return Lowering.GROUPED if min(inputs, outputs) >= _GROUPED_CHANNELS else Lowering.COLUMNS


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
    elif lowering == Lowering.STRIPS:
        outputs = _multiply_strips(maps, weight, geometry)
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


def _multiply_densely(maps: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Write the whole matrix out; with many channels those of a tap are copied together."""
    if geometry.inputs < _MANY_CHANNELS:
        outputs: Tensor = _DenseConvolution.apply(maps.contiguous(), weight, geometry)  # type: ignore[no-untyped-call]  # torch's
        return outputs
    by_tap = weight.permute(0, 1, 3, 4, 2).flatten(2, 3)  # [R, O, h w, C]
    pixels = permute(maps.flatten(2, 3), (0, 2, 1, 3)).flatten(1, 2)  # [R, H W C, B]
    return _multiply_written_out(pixels, by_tap, find_taps(geometry, maps.device))


class _DenseConvolution(torch.autograd.Function):
    """The convolution's matrix [O H' W', C H W], written out number by number, times its maps."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:  # noqa: ANN401  # torch gives it no type
        """Return the convolution, [R, O H' W', B]."""
        places = find_places(geometry, maps.device)
        padded = F.pad(weight.flatten(1), (0, 1))  # the last weight is the zero of absent taps
        matrix = padded.index_select(1, places.weights).unflatten(1, places.shape)
        ctx.save_for_backward(maps, weight, matrix)
        ctx.places = places
        return multiply_plainly(matrix, maps.flatten(1, 3))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # noqa: ANN401  # as above
        """Return the gradients of maps and weight."""
        maps, weight, matrix = ctx.saved_tensors
        of_maps = of_weight = None
        if ctx.needs_input_grad[0]:
            of_maps = multiply_plainly(matrix.mT, gradient).view(maps.shape)
        if ctx.needs_input_grad[1]:
            of_matrix = multiply_plainly(gradient, maps.flatten(1, 3).mT).flatten(1)
            found = of_matrix.index_select(1, ctx.places.entries) * ctx.places.is_entry
            of_weight = found.unflatten(1, (weight[0].numel(), -1)).sum(dim=2).view(weight.shape)
        return of_maps, of_weight, None


def _multiply_strips(maps: Tensor, weight: Tensor, geometry: Geometry) -> Tensor:
    """Write the matrix [O H', H w C] out along the height; patches along the width are copies."""
    by_tap = weight.permute(0, 1, 3, 4, 2).flatten(3)  # [R, O, h, w C]
    if _are_shared(maps):
        strips = _Strips.apply(maps[:1], geometry).expand(len(maps), -1, -1)  # type: ignore[no-untyped-call]  # torch's
    else:
        strips = _Strips.apply(maps, geometry)  # type: ignore[no-untyped-call]  # as above
    return _multiply_written_out(strips, by_tap, find_taps(geometry.along_height(), maps.device))


def _multiply_written_out(patches: Tensor, by_tap: Tensor, taps: Tensor) -> Tensor:
    outputs: Tensor = _WrittenOut.apply(patches, by_tap, taps)  # type: ignore[no-untyped-call]  # torch's
    return outputs


class _WrittenOut(torch.autograd.Function):
    """The product of patches with the matrix in which the weights of a tap stand wherever it is."""

    @staticmethod
    def forward(ctx: Any, patches: Tensor, by_tap: Tensor, taps: Tensor) -> Tensor:  # noqa: ANN401  # torch gives it no type
        """Return the products.

        Args:
            ctx: PyTorch's.
            patches: Shape [R, places K, N]: for each place that a tap can read its K numbers.
            by_tap: Weights, shape [R, O, taps, K]; a tap's are copied together.
            taps: By which tap a place is read for each place that is written, shape [written
                places], int64; one past the last for none.

        Returns:
            Shape [R, O written, N].
        """
        padded = F.pad(by_tap, (0, 0, 0, 1))  # behind the last tap the zeros of none
        matrix = padded.index_select(2, taps).view(len(patches), -1, patches.shape[1])
        ctx.save_for_backward(patches, matrix, taps)
        ctx.shape = padded.shape
        return multiply_plainly(matrix, patches)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:  # noqa: ANN401  # as above
        """Return the gradients of patches and weights."""
        patches, matrix, taps = ctx.saved_tensors
        of_patches = of_weights = None
        if ctx.needs_input_grad[0]:
            of_patches = multiply_plainly(matrix.mT, gradient)
        if ctx.needs_input_grad[1]:
            networks, outputs, _, numbers = ctx.shape
            of_matrix = multiply_plainly(gradient, patches.mT)
            of_matrix = of_matrix.view(networks, outputs, -1, numbers)
            of_weights = matrix.new_zeros(ctx.shape).index_add_(2, taps, of_matrix)[:, :, :-1]
        return of_patches, of_weights, None


class _Strips(torch.autograd.Function):
    """Patches of maps along the width: [R, H w C, W' B]."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, geometry: Geometry) -> Tensor:  # noqa: ANN401  # torch gives it no type
        """Lay out what each column of the kernel reads."""
        networks, channels, height, _, samples = ctx.shape = maps.shape
        spans = ctx.spans = geometry.spans()
        wide = geometry.output_size[1]
        strips = maps.new_zeros(networks, height, len(spans), channels, wide, samples)
        for column, (read, write) in enumerate(spans):
            strips[:, :, column, :, write] = maps[:, :, :, read].transpose(1, 2)
        return strips.flatten(1, 3).flatten(2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401  # as above
        """Add up what each column of the kernel read."""
        networks, channels, height, _, samples = ctx.shape
        spans = ctx.spans
        strips = gradient.view(networks, height, len(spans), channels, -1, samples)
        of_maps = gradient.new_zeros(ctx.shape)
        for column, (read, write) in enumerate(spans):
            of_maps[:, :, :, read] += strips[:, :, column, :, write].transpose(1, 2)
        return of_maps, None


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
    if _are_shared(maps):
        columns = _lay_out(maps[:1], geometry, rows=matrix.shape[2])
        return multiply_plainly(matrix, columns.expand(len(maps), -1, -1))
    outputs: Tensor = _ColumnConvolution.apply(maps.contiguous(), matrix, geometry)  # type: ignore[no-untyped-call]  # torch's
    return outputs


def _are_shared(maps: Tensor) -> bool:
    """Say whether all networks see the same maps, and no gradients are asked for."""
    return maps.stride(0) == 0 and not torch.is_grad_enabled()


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
