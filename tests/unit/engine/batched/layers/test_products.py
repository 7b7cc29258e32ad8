from __future__ import annotations

from itertools import product

import pytest
import torch

from tamiyo.engine.batched.layers.products import _align, multiply, multiply_plainly
from tests.support.stacked import seeded

SHAPES = [*product((1, 3, 16), (4, 36, 37), (1, 7, 32, 175)), (16, 16, 16)]


def draw(networks, rows, inner, columns):
    generator = seeded(0)
    left = torch.randn(networks, rows, inner, generator=generator)
    right = torch.randn(networks, columns, inner, generator=generator).mT  # a transposed one
    return left, right, torch.randn(networks, rows, columns, generator=generator)


def run(left, right, cotangents, plus=None):
    left, right = left.clone().requires_grad_(), right.clone().requires_grad_()
    outputs = multiply(left, right, plus)
    return outputs, *torch.autograd.grad((outputs * cotangents).sum(), (left, right))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_product_does_not_depend_on_where_it_stands(shape):
    parts = draw(12, *shape)
    crowd = run(*parts)
    for place in range(12):
        own = run(*(one[place : place + 1] for one in parts))
        assert all(torch.equal(two[place], one[0]) for one, two in zip(own, crowd, strict=True))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_product_is_the_product_plus_what_is_to_be_added(shape):
    left, right, cotangents = draw(3, *shape)
    plus = torch.randn(3, 1, shape[2], generator=seeded(1))
    outputs, of_left, of_right = run(left, right, cotangents, plus)
    torch.testing.assert_close(outputs, left @ right + plus, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(of_left, cotangents @ right.mT, atol=1e-4, rtol=1e-5)
    torch.testing.assert_close(of_right, left.mT @ cotangents, atol=1e-4, rtol=1e-5)


def test_a_product_goes_where_it_is_wanted():
    left, right, _ = draw(4, 3, 5, 7)
    room = torch.empty(6, 3, 7)
    multiply_plainly(left, right, room[1:5])
    assert torch.equal(room[1:5], multiply(left, right))


@pytest.mark.parametrize("rows", [1, 3])
def test_factors_may_lie_anywhere(rows):
    left, right, _ = draw(4, rows, 5, 16)
    wide, high = torch.zeros(4, rows, 9), torch.zeros(5, 5, 16)
    wide[:, :, 2:7], high[1:] = left, right
    assert torch.equal(multiply(wide[:, :, 2:7], high[1:]), multiply(left, right.contiguous()))


def test_factors_that_lie_well_are_not_copied():
    left, right = torch.rand(4, 4, 8), torch.rand(4, 8, 6)
    assert _align(left) is left
    assert _align(left.mT).data_ptr() == left.data_ptr()
    assert _align(right.expand(4, -1, -1)).data_ptr() == right.data_ptr()
    assert _align(torch.rand(4, 3, 5)).stride(0) == 16
