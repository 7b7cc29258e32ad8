"""Topologies: how one number per channel broadcasts."""

from __future__ import annotations

import pytest
import torch

from tamiyo.model.modules import Topology

FEATURES = {
    Topology.CNN: (2, 4, 3, 5),
    Topology.SEQUENCE: (2, 3, 4),
    Topology.VECTOR: (2, 4),
}


@pytest.mark.parametrize("topology", Topology)
def test_one_number_per_channel_broadcasts_along_the_channels(topology):
    per_channel = torch.arange(4.0).reshape(topology.channel_shape(4))
    scaled = torch.ones(FEATURES[topology]) * per_channel
    assert scaled.shape == FEATURES[topology]
    channels = scaled.movedim(1 if topology == Topology.CNN else -1, -1)
    assert torch.equal(channels, torch.arange(4.0).expand_as(channels))
