"""The reference CNN: stages that slots can name, sizes counted by hand, and what it refuses."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import ConfigError, UnknownNameError
from tamiyo.tasks import build_cnn

SMALLEST = {"channels": 4, "blocks": 2, "num_classes": 10}


def count_parameters(host):
    return sum(parameter.numel() for parameter in host.parameters())


def test_four_channels_and_two_plain_blocks_have_358_parameters():
    host = build_cnn(**SMALLEST, normalization="none", pool_size=2, pooled_blocks=1)
    assert count_parameters(host) == 358


def test_group_norm_adds_two_parameters_per_channel_and_block():
    assert count_parameters(build_cnn(**SMALLEST, normalization="group")) == 358 + 2 * 4 * 2


def test_group_norm_has_a_single_group_of_all_channels():
    norm = build_cnn(**SMALLEST).get_submodule("block2")[1]
    assert isinstance(norm, nn.GroupNorm)
    assert (norm.num_groups, norm.num_channels) == (1, 4)


def test_stages_are_named_in_the_order_data_flows():
    host = build_cnn(channels=4, blocks=3, num_classes=10)
    assert [name for name, _ in host.named_children()] == [
        "block1",
        "block2",
        "block3",
        "pool",
        "head",
    ]


def test_a_block_is_convolution_norm_relu_and_pool():
    layers = [type(layer) for layer in build_cnn(**SMALLEST).get_submodule("block1")]
    assert layers == [nn.Conv2d, nn.GroupNorm, nn.ReLU, nn.MaxPool2d]


@pytest.mark.parametrize(("pooled_blocks", "side"), [(0, 8), (1, 4), (2, 2)])
def test_only_the_first_blocks_halve_the_image(pooled_blocks, side):
    host = build_cnn(**SMALLEST, pooled_blocks=pooled_blocks)
    features = host.block2(host.block1(torch.zeros(3, 1, 8, 8)))
    assert features.shape == (3, 4, side, side)


def test_logits_have_one_column_per_class_whatever_the_image_size():
    host = build_cnn(channels=3, blocks=2, num_classes=7, pool_size=1)
    assert host(torch.zeros(5, 1, 16, 16)).shape == (5, 7)


@pytest.mark.parametrize(
    ("name", "value"), [("channels", 0), ("blocks", 1), ("num_classes", 1), ("pool_size", 0)]
)
def test_a_number_below_its_smallest_is_refused(name, value):
    with pytest.raises(ConfigError, match=rf"{name} of host cnn must be at least \d, got {value}"):
        build_cnn(**{**SMALLEST, name: value})


@pytest.mark.parametrize("pooled_blocks", [-1, 3])
def test_more_pooled_blocks_than_blocks_are_refused(pooled_blocks):
    with pytest.raises(ConfigError, match=rf"in \[0, blocks = 2\], got {pooled_blocks}"):
        build_cnn(**SMALLEST, pooled_blocks=pooled_blocks)


def test_an_unknown_normalization_is_refused():
    with pytest.raises(UnknownNameError, match="must be one of group, none, got 'batch'"):
        build_cnn(**SMALLEST, normalization="batch")
