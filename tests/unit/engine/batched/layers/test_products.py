from __future__ import annotations

from itertools import product

import pytest
import torch

from tamiyo.engine.batched.layers.products import align, multiply
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


@pytest.mark.parametrize(
    "matrices",
    [
        torch.rand(4, 3, 5),
        torch.rand(4, 5, 3).mT,
        torch.rand(4, 3, 9)[:, :, 1:6],
        torch.rand(0, 3, 5),
    ],
    ids=["contiguous", "transposed", "cut", "none"],
)
def test_aligned_matrices_are_the_same_ones_at_other_places(matrices):
    aligned = align(matrices)
    assert torch.equal(aligned, matrices)
    assert all(one.data_ptr() % 64 == 0 for one in aligned)


def test_matrices_at_such_places_stay_where_they_are():
    matrices = torch.rand(4, 4, 8)
    assert align(matrices) is matrices
