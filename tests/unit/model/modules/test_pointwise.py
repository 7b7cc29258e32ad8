"""Pointwise bodies: their sizes by formula, and the same map in every topology."""

from __future__ import annotations

import pytest
import torch

from tamiyo.model.modules import BODIES, Topology
from tamiyo.model.modules.pointwise import build_lora, build_mlp, build_normalizer
from tests.support.hosts import build_seeded


def size_by_hand(name, channels):
    """Parameters of the body, from its formula."""
    d = channels
    return {
        "LORA": 2 * d * min(8, d),
        "LORA_LARGE": 2 * d * min(32, d),
        "MLP_SMALL": 4 * d * d + 3 * d,
        "MLP": 8 * d * d + 5 * d,
    }[name]


@pytest.mark.parametrize("channels", [2, 4, 24, 48])
@pytest.mark.parametrize("name", ["LORA", "LORA_LARGE", "MLP_SMALL", "MLP"])
@pytest.mark.parametrize("topology", Topology)
def test_a_body_has_the_size_of_its_formula(topology, name, channels):
    body = BODIES[topology][name].build(channels, False)
    assert sum(p.numel() for p in body.parameters()) == size_by_hand(name, channels)


@pytest.mark.parametrize("topology", [Topology.SEQUENCE, Topology.VECTOR])
def test_the_norm_has_a_weight_and_a_bias_per_channel(topology):
    body = BODIES[topology]["NORM"].build(6, False)
    assert sum(p.numel() for p in body.parameters()) == 2 * 6


def copy_as_convolutions(linear_body, conv_body):
    for source, target in zip(linear_body.parameters(), conv_body.parameters(), strict=True):
        target.data = source.data.reshape(target.shape)


@pytest.mark.parametrize(
    "build",
    [lambda topology: build_lora(topology, 6, 3), lambda topology: build_mlp(topology, 6, 2)],
)
def test_a_convolution_computes_at_each_place_what_a_linear_layer_does(build):
    linear, convolution = build(Topology.VECTOR), build(Topology.CNN)
    copy_as_convolutions(linear, convolution)
    features = torch.randn(5, 6, generator=build_seeded())
    of_maps = convolution(features[:, :, None, None])[:, :, 0, 0]
    assert torch.allclose(of_maps, linear(features), atol=1e-6)


@pytest.mark.parametrize("shift", [0.0, 3.0])
@pytest.mark.parametrize("factor", [0.05, 50.0])
def test_an_mlp_does_not_care_for_the_scale_of_its_features(factor, shift):
    body = build_mlp(Topology.SEQUENCE, 8, 4)
    features = torch.randn(2, 3, 8, generator=build_seeded())
    assert torch.allclose(body(features * factor + shift), body(features), atol=1e-2)


@pytest.mark.parametrize("topology", Topology)
def test_the_first_normalizer_has_neither_parameters_nor_statistics(topology):
    assert build_normalizer(topology, 8).state_dict() == {}
