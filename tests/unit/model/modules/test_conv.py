"""Bodies of convolutional seeds: their sizes by hand, shapes, and groups of their normalizer."""

from __future__ import annotations

import pytest
import torch

from tamiyo.model.modules import BODIES, Topology, conv
from tests.support.hosts import CONV_BLUEPRINTS, build_seeded

NAMES = [blueprint.name for blueprint in CONV_BLUEPRINTS]


def size_by_hand(name, channels):
    """Parameters of the body, from its formula."""
    c, hidden, inner = channels, max(4, channels // 4), max(8, channels // 4)
    return {
        "NORM": 2 * c,
        "ATTENTION": 2 * c * hidden + hidden + c,
        "DEPTHWISE": c * c + 11 * c,
        "BOTTLENECK": 2 * c * inner + 9 * inner * inner + 2 * c,
        "CONV_SMALL": c * c + 2 * c,
        "CONV_LIGHT": 9 * c * c + 2 * c,
        "CONV_HEAVY": 18 * c * c + 4 * c,
    }[name]


def build(name, channels):
    return BODIES[Topology.CNN][name].build(channels, False)


@pytest.mark.parametrize("channels", [1, 4, 16, 32, 64])
@pytest.mark.parametrize("name", NAMES)
def test_a_body_has_the_size_of_its_formula_and_keeps_the_shape(name, channels):
    body = build(name, channels)
    assert sum(p.numel() for p in body.parameters()) == size_by_hand(name, channels)
    features = torch.randn(2, channels, 3, 5, generator=build_seeded())
    assert body(features).shape == features.shape


@pytest.mark.parametrize(
    ("channels", "groups"),
    [(1, 1), (4, 1), (8, 1), (16, 1), (24, 1), (32, 2), (48, 2), (64, 4), (512, 32), (1024, 32)],
)
def test_groups_hold_at_least_sixteen_channels(channels, groups):
    assert conv.count_groups(channels) == groups


@pytest.mark.parametrize("name", NAMES)
def test_a_body_holds_no_running_statistics(name):
    assert list(build(name, 8).buffers()) == []
