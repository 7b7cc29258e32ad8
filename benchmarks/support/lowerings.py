"""The lowerings of a convolution for many networks, beside PyTorch network by network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from statistics import median
from time import process_time
from typing import TYPE_CHECKING, Final

import torch
from torch.nn import functional as F

from tamiyo.engine.batched.layers.convolution import Lowering, choose_lowering, convolve
from tamiyo.engine.batched.layers.geometry import Geometry

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

_NETWORKS: Final = 16
_SHAPES: Final = (
    # samples, channels in and out, height and width of the map, height and width of the kernel
    (69, 1, 4, 8, 3),
    (69, 4, 4, 4, 3),
    (69, 6, 6, 6, 3),
    (69, 12, 12, 4, 3),
    (64, 4, 4, 12, 3),
    (64, 1, 1, 8, 3),
    (64, 1, 8, 12, 3),
    (16, 1, 16, 8, 3),
    (16, 16, 32, 4, 3),
    (16, 32, 64, 2, 3),
    (64, 16, 32, 4, 3),
    (64, 32, 64, 2, 3),
    (64, 16, 16, 8, 3),
    (64, 64, 64, 4, 3),
    (69, 16, 16, 8, 1),
)
_LARGEST_MATRIX: Final = 1 << 19


@dataclass(frozen=True, kw_only=True)
class LayerRow:
    """A convolution, forward and backward, by every lowering that can compute it.

    Attributes:
        shape: What it is.
        plain: Milliseconds of PyTorch network by network.
        lowered: Lowering to milliseconds.
        chosen: The lowering that the engine takes.
    """

    shape: str
    plain: float
    lowered: Mapping[str, float]
    chosen: str


def measure_layers(rounds: int) -> list[LayerRow]:
    """Time every shape."""
    return [_measure(*shape, rounds=rounds) for shape in _SHAPES]


def _measure(
    samples: int, inputs: int, outputs: int, side: int, kernel: int, *, rounds: int
) -> LayerRow:
    geometry = Geometry(
        inputs=inputs,
        outputs=outputs,
        size=(side, side),
        kernel=(kernel, kernel),
        padding=(kernel // 2, kernel // 2),
    )
    weight = torch.rand(_NETWORKS, outputs, inputs, kernel, kernel, requires_grad=True)
    bias = torch.rand(_NETWORKS, outputs, requires_grad=True)
    maps = torch.rand(_NETWORKS, inputs, side, side, samples, requires_grad=True)
    images = maps.detach().permute(0, 4, 1, 2, 3).contiguous().requires_grad_()
    plain = partial(_convolve_one_by_one, images, weight, bias, geometry)
    ways: dict[str, Callable[[], Tensor]] = {"plain": plain}
    for lowering in Lowering:
        if _suits(geometry, lowering):
            ways[lowering] = partial(convolve, maps, weight, bias, geometry, lowering)
    gradients = {
        name: torch.rand_like(way()) if name == "plain" else torch.rand(way().shape)
        for name, way in ways.items()
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):  # the first one is not counted
        for name, way in ways.items():
            begin = process_time()
            of = images if name == "plain" else maps
            torch.autograd.grad(way(), (of, weight, bias), gradients[name])
            times[name].append(process_time() - begin)
    medians = {name: 1e3 * median(seconds[1:]) for name, seconds in times.items()}
    return LayerRow(
        shape=f"{inputs} to {outputs}, {side}x{side}, kernel {kernel}x{kernel}, batch {samples}",
        plain=medians.pop("plain"),
        lowered=medians,
        chosen=choose_lowering(geometry, samples),
    )


def _suits(geometry: Geometry, lowering: Lowering) -> bool:
    """Say whether a lowering can compute a convolution in reasonable memory."""
    if lowering == Lowering.POINTWISE:
        return geometry.is_pointwise
    pixels = geometry.size[0] * geometry.size[1]
    matrix = geometry.inputs * geometry.outputs * pixels**2
    return lowering != Lowering.DENSE or matrix <= _LARGEST_MATRIX


def _convolve_one_by_one(
    images: Tensor, weight: Tensor, bias: Tensor, geometry: Geometry
) -> Tensor:
    networks = zip(images, weight, bias, strict=True)
    return torch.stack([F.conv2d(*one, padding=geometry.padding) for one in networks])
