from __future__ import annotations

import pytest
import torch

from tamiyo.engine.batched.layers import Maps, as_maps, as_samples, join, split

SAMPLES = torch.arange(2 * 3 * 4 * 5 * 6).view(6, 4, 5, 6)  # 2 networks, 3 samples each


def test_maps_keep_networks_in_front_and_samples_last():
    maps = as_maps(SAMPLES, 2)
    assert maps.shape == (2, 4, 5, 6, 3)
    assert maps.is_contiguous()
    assert maps[1, 2, 3, 4, 0] == SAMPLES[3, 2, 3, 4]


def test_samples_come_back_from_maps():
    assert torch.equal(as_samples(Maps(as_maps(SAMPLES, 2))), SAMPLES)


@pytest.mark.parametrize("other", [None, "text", 3])
def test_what_is_no_features_passes(other):
    assert as_samples(other) is other


def test_maps_are_maps_already():
    data = as_maps(SAMPLES, 2)
    assert as_maps(Maps(data), 2) is data


@pytest.mark.parametrize("features", [SAMPLES, Maps(as_maps(SAMPLES, 2))], ids=["samples", "maps"])
def test_networks_are_split_and_joined_again(features):
    apart = split(features, 2)
    assert len(apart) == 2
    together = join(apart, features)
    assert type(together) is type(features)
    assert torch.equal(as_samples(together), SAMPLES)
