"""Owned randomness: lent to the global generator, and buffers put back."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.model import drawing_from, preserving_buffers
from tests.support.hosts import build_seeded


class Counter(nn.Module):
    """Replaces its buffer rather than writing into it."""

    def __init__(self):
        super().__init__()
        self.register_buffer("count", torch.zeros(()))

    def forward(self, inputs):
        self.count = self.count + 1
        return inputs


def test_a_block_draws_from_the_owned_generator_and_advances_it():
    owned = build_seeded(3)
    expected = torch.rand(5, generator=build_seeded(3))
    with drawing_from(owned):
        drawn = torch.rand(5)
    assert torch.equal(drawn, expected)
    assert not torch.equal(torch.rand(5, generator=owned), expected)


def test_the_global_generator_is_left_as_it_was_even_after_an_error():
    before = torch.random.get_rng_state()
    with pytest.raises(RuntimeError, match="dimension -5"), drawing_from(build_seeded()):
        torch.rand(5).sum() + torch.rand(-5)
    assert torch.equal(before, torch.random.get_rng_state())


def test_two_blocks_go_on_where_the_first_stopped():
    owned = build_seeded(3)
    with drawing_from(owned):
        first = torch.rand(2)
    with drawing_from(owned):
        second = torch.rand(2)
    assert torch.equal(torch.cat([first, second]), torch.rand(4, generator=build_seeded(3)))


def test_running_statistics_are_put_back():
    norm = nn.BatchNorm2d(2).train()
    before = {name: buffer.clone() for name, buffer in norm.named_buffers()}
    with preserving_buffers(norm):
        norm(torch.randn(4, 2, 3, 3, generator=build_seeded()))
        assert int(norm.num_batches_tracked) == 1
    assert all(torch.equal(buffer, before[name]) for name, buffer in norm.named_buffers())


def test_a_buffer_that_was_replaced_is_put_back_too():
    host = nn.Sequential(Counter(), nn.Sequential(Counter()))
    with preserving_buffers(host):
        host(torch.zeros(1))
        assert float(host[0].count) == 1
    assert [float(buffer) for buffer in host.buffers()] == [0, 0]
