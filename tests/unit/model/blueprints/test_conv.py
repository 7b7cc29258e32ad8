"""Bodies of convolutional seeds: their sizes by hand, shapes, and groups of their normalizer."""

from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import Blueprint
from tamiyo.model import BLUEPRINTS, SlotShape, Topology
from tamiyo.model.blueprints import conv
from tests.support.hosts import CONV_BLUEPRINTS, build_seeded


def size_by_hand(blueprint, channels):
    """Parameters of the body, from its formula."""
    c, hidden, inner = channels, max(4, channels // 4), max(8, channels // 4)
    return {
        Blueprint.NORM: 2 * c,
        Blueprint.ATTENTION: 2 * c * hidden + hidden + c,
        Blueprint.DEPTHWISE: c * c + 11 * c,
        Blueprint.BOTTLENECK: 2 * c * inner + 9 * inner * inner + 2 * c,
        Blueprint.CONV_SMALL: c * c + 2 * c,
        Blueprint.CONV_LIGHT: 9 * c * c + 2 * c,
        Blueprint.CONV_HEAVY: 18 * c * c + 4 * c,
    }[blueprint]


@pytest.mark.parametrize("channels", [1, 4, 16, 32, 64])
@pytest.mark.parametrize("blueprint", CONV_BLUEPRINTS, ids=lambda b: b.name)
def test_a_body_has_the_size_of_its_formula_and_keeps_the_shape(blueprint, channels):
    body = BLUEPRINTS[blueprint].build(SlotShape(Topology.CNN, channels, (3, 5)))
    assert sum(p.numel() for p in body.parameters()) == size_by_hand(blueprint, channels)
    features = torch.randn(2, channels, 3, 5, generator=build_seeded())
    assert body(features).shape == features.shape


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(1, 1), (4, 1), (8, 1), (16, 1), (24, 1), (32, 2), (48, 2), (64, 4), (512, 32), (1024, 32)],
)
def test_groups_hold_at_least_sixteen_channels(channels, groups):
    assert conv.count_groups(channels) == groups


@pytest.mark.parametrize("blueprint", CONV_BLUEPRINTS, ids=lambda b: b.name)
def test_a_body_holds_no_running_statistics(blueprint):
    body = BLUEPRINTS[blueprint].build(SlotShape(Topology.CNN, 8, (4, 4)))
    assert list(body.buffers()) == []
