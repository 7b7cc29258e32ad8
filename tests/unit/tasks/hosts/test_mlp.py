"""The reference MLP: stages that slots can name, sizes counted by hand, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import ConfigError
from tamiyo.tasks import build_mlp

SMALLEST = {"width": 2, "blocks": 1, "inputs": 3, "outputs": 1}


def test_parameters_are_those_counted_by_hand():
    host = build_mlp(width=5, blocks=2, inputs=64, outputs=10)
    blocks = (64 * 5 + 5) + (5 * 5 + 5) + 2 * (2 * 5)
    assert sum(p.numel() for p in host.parameters()) == blocks + (5 * 10 + 10)


def test_stages_are_named_in_the_order_data_flows():
    host = build_mlp(width=4, blocks=3, inputs=2, outputs=3)
    stages = [name for name, _ in host.named_children()]
    assert stages == ["flatten", "block1", "block2", "block3", "head"]


def test_a_block_is_linear_norm_and_relu():
    layers = [type(layer) for layer in build_mlp(**SMALLEST).get_submodule("block1")]
    assert layers == [nn.Linear, nn.LayerNorm, nn.ReLU]


def test_images_are_flattened_to_one_row_of_numbers():
    host = build_mlp(width=4, blocks=2, inputs=64, outputs=10)
    image = torch.rand(3, 1, 8, 8)
    assert torch.equal(host(image), host(image.flatten(1)))
    assert host(image).shape == (3, 10)


@pytest.mark.parametrize(("name", "value"), [("width", 1), ("blocks", 0), ("inputs", 0)])
def test_a_number_below_its_smallest_is_refused(name, value):
    with pytest.raises(ConfigError, match=rf"{name} of host mlp must be at least \d, got {value}"):
        build_mlp(**{**SMALLEST, name: value})


def test_no_outputs_are_refused():
    with pytest.raises(ConfigError, match="outputs of host mlp must be at least 1, got 0"):
        build_mlp(**{**SMALLEST, "outputs": 0})
