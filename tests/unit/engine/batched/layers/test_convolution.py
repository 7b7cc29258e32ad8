from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tamiyo.engine.batched.layers.convolution import (
    _MANY_CHANNELS,
    Lowering,
    choose_lowering,
    convolve,
)
from tamiyo.engine.batched.layers.geometry import Geometry
from tests.support.stacked import Case, draw_floats, run_stacked, seeded

SPATIAL = [lowering for lowering in Lowering if lowering != Lowering.POINTWISE]
ANY = [
    Geometry(
        inputs=2,
        outputs=3,
        size=size,
        kernel=kernel,
        stride=stride,
        padding=padding,
        dilation=dilation,
    )
    for size, kernel, stride, padding, dilation in product(
        ((4, 4), (5, 7)),
        ((3, 3), (1, 3), (2, 2)),
        ((1, 1), (2, 1), (3, 3)),
        ((0, 0), (1, 1), (2, 0)),
        ((1, 1), (2, 1)),
    )
]
GRID = [geometry for geometry in ANY if min(geometry.output_size) > 0]


def draw(geometry, networks=3, samples=4):
    """Maps and weights whose gradients are wanted, and what the outputs are weighted with."""
    generator = seeded(networks)
    maps = torch.randn(networks, geometry.inputs, *geometry.size, samples, generator=generator)
    shape = (networks, geometry.outputs, geometry.inputs, *geometry.kernel)
    weight = torch.randn(shape, generator=generator)
    bias = torch.randn(shape[:2], generator=generator)
    return maps.requires_grad_(), weight.requires_grad_(), bias.requires_grad_()


def convolve_plainly(maps, weight, bias, geometry):
    settings = geometry.stride, geometry.padding, geometry.dilation
    outputs = [
        F.conv2d(own.movedim(-1, 0), *numbers, *settings).movedim(0, -1)
        for own, *numbers in zip(maps, weight, bias, strict=True)
    ]
    return torch.stack(outputs)


def find_gradients(outputs, wanted):
    cotangents = torch.randn(outputs.shape, generator=seeded(9))
    return torch.autograd.grad((outputs * cotangents).sum(), wanted)


def assert_all_close(ours, theirs):
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("lowering", SPATIAL)
@pytest.mark.parametrize("networks", [1, 3])
def test_every_lowering_is_the_convolution_in_any_geometry(lowering, networks):
    for geometry in GRID:
        parts = draw(geometry, networks)
        ours = convolve(*parts, geometry, lowering)
        theirs = convolve_plainly(*parts, geometry)
        assert ours.shape == theirs.shape == (networks, 3, *geometry.output_size, 4)
        assert_all_close(
            (ours, *find_gradients(ours, parts)), (theirs, *find_gradients(theirs, parts))
        )


@pytest.mark.parametrize("networks", [1, 3])
def test_the_weights_of_many_channels_are_copied_tap_by_tap(networks):
    for small in GRID:
        geometry = replace(small, inputs=_MANY_CHANNELS)
        parts = draw(geometry, networks)
        ours = convolve(*parts, geometry, Lowering.DENSE)
        theirs = convolve_plainly(*parts, geometry)
        assert_all_close(
            (ours, *find_gradients(ours, parts)), (theirs, *find_gradients(theirs, parts))
        )


def test_a_convolution_of_single_pixels_is_one_too():
    geometry = Geometry(inputs=2, outputs=3, size=(4, 5), kernel=(1, 1))
    parts = draw(geometry)
    ours = convolve(*parts, geometry, Lowering.POINTWISE)
    theirs = convolve_plainly(*parts, geometry)
    assert_all_close((ours, *find_gradients(ours, parts)), (theirs, *find_gradients(theirs, parts)))


@pytest.mark.parametrize("lowering", SPATIAL)
def test_inputs_without_a_gradient_are_convolved_alike(lowering):
    geometry = Geometry(inputs=2, outputs=3, size=(5, 5), kernel=(3, 3), padding=(1, 1))
    maps, *learned = draw(geometry)
    ours = convolve(maps.detach(), *learned, geometry, lowering)
    theirs = convolve_plainly(maps.detach(), *learned, geometry)
    assert_all_close(find_gradients(ours, learned), find_gradients(theirs, learned))


@pytest.mark.parametrize("lowering", SPATIAL)
def test_networks_that_see_the_same_maps_compute_as_those_that_have_copies(lowering):
    geometry = Geometry(inputs=2, outputs=3, size=(5, 5), kernel=(3, 3), padding=(1, 1))
    maps, *learned = draw(geometry)
    same = maps[:1].expand(3, -1, -1, -1, -1)
    with torch.no_grad():
        ours = convolve(same, *learned, geometry, lowering)
        assert torch.equal(ours, convolve(same.clone(), *learned, geometry, lowering))


@pytest.mark.parametrize("lowering", SPATIAL)
def test_a_network_of_any_lowering_does_not_depend_on_its_neighbours(lowering):
    geometry = Geometry(inputs=3, outputs=4, size=(4, 4), kernel=(3, 3), padding=(1, 1))
    parts = draw(geometry, networks=32)
    cotangents = torch.randn(32, 4, 4, 4, 4, generator=seeded(1))

    def run(networks):
        own = [one[networks].detach().requires_grad_() for one in parts]
        outputs = convolve(*own, geometry, lowering)
        return outputs, *torch.autograd.grad((outputs * cotangents[networks]).sum(), own)

    alone = run([5])
    for networks in ([5, 2], [1, 5, 7, 0, 30], [*range(6, 32), 5, *range(5)]):
        pairs = zip(run(networks), alone, strict=True)
        place = networks.index(5)
        assert all(torch.equal(crowd[place], own[0]) for crowd, own in pairs)


def test_many_columns_are_laid_out_block_by_block(monkeypatch):
    geometry = Geometry(inputs=2, outputs=3, size=(6, 6), kernel=(3, 3), padding=(1, 1))
    parts = draw(geometry, networks=5)
    at_once = convolve(*parts, geometry, Lowering.COLUMNS)
    gradients = find_gradients(at_once, parts)
    columns = 2 * 9 * 36 * 4  # of one network
    monkeypatch.setattr("tamiyo.engine.batched.layers.convolution._MOST_NUMBERS", 2 * columns)
    in_blocks = convolve(*parts, geometry, Lowering.COLUMNS)
    assert torch.equal(in_blocks, at_once)
    pairs = zip(find_gradients(in_blocks, parts), gradients, strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_every_lowering_is_chosen_for_some_shape():
    def choose(channels, pixels, kernel=3):
        shape = {"inputs": channels, "outputs": channels, "size": (pixels, pixels)}
        return choose_lowering(Geometry(kernel=(kernel, kernel), **shape), samples=64)

    chosen = {choose(2, 8, 1), choose(2, 3), choose(2, 8), choose(4, 16), choose(64, 8)}
    assert chosen == set(Lowering)


@pytest.mark.parametrize(
    ("channels", "samples", "lowering"),
    [(64, 64, Lowering.DENSE), (64, 4, Lowering.GROUPED), (512, 64, Lowering.GROUPED)],
)
def test_a_matrix_is_written_out_where_it_is_used_often_and_not_too_large(
    channels, samples, lowering
):
    geometry = Geometry(inputs=channels, outputs=channels, size=(2, 2), kernel=(3, 3))
    assert choose_lowering(replace(geometry, padding=(1, 1)), samples) == lowering


@pytest.mark.parametrize("setting", [{"padding_mode": "circular"}, {"padding": "same"}])
def test_padding_by_anything_but_a_number_of_zeros_is_refused(setting):
    case = Case(lambda: nn.Conv2d(2, 2, 3, **{"padding": 1} | setting), draw_floats(2, 2, 5, 5))
    with pytest.raises(NotImplementedError, match="padded by a number of zeros"):
        run_stacked(case, [0])
