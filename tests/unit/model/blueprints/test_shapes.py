"""Shapes of slots."""

from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import ShapeError
from tamiyo.model import SlotShape, Topology

DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("batch", "topology", "channels", "extent", "channel_shape"),
    [
        ((7, 4, 3, 5), Topology.CNN, 4, (3, 5), (4, 1, 1)),
        ((7, 3, 5), Topology.SEQUENCE, 5, (3,), (5,)),
        ((7, 5), Topology.VECTOR, 5, (), (5,)),
    ],
)
def test_a_shape_is_read_off_a_batch(batch, topology, channels, extent, channel_shape, dtype):
    shape = SlotShape.of(torch.zeros(batch, dtype=dtype), slot_id="r0c0")
    assert shape == SlotShape(topology, channels, extent, dtype=dtype)
    assert (shape.per_sample, shape.channel_shape) == (batch[1:], channel_shape)


@pytest.mark.parametrize(
    ("batch", "is_causal"), [((2, 3, 5), True), ((2, 4, 3, 5), False), ((2, 5), False)]
)
def test_only_a_sequence_can_be_causal(batch, is_causal):
    shape = SlotShape.of(torch.zeros(batch), slot_id="r0c0", is_causal=True)
    assert shape.is_causal is is_causal
    assert not SlotShape.of(torch.zeros(batch), slot_id="r0c0").is_causal


def test_the_device_does_not_matter():
    features = torch.zeros(2, 3, 5, device="meta")
    assert SlotShape.of(features, slot_id="r0c0") == SlotShape(Topology.SEQUENCE, 5, (3,))


@pytest.mark.parametrize(
    ("features", "got"),
    [
        (torch.zeros(10), r"float32 of shape \[10\]"),
        (torch.zeros(2, 4, 8, 8, 8), r"of shape \[2, 4, 8, 8, 8\]"),
        (torch.zeros(2, 1, 1, 1), r"of shape \[2, 1, 1, 1\]"),
        (torch.zeros(2, 9, 1), r"of shape \[2, 9, 1\]"),
        (torch.zeros(2, 1), r"of shape \[2, 1\]"),
        (torch.zeros(2, 4, 0, 8), r"of shape \[2, 4, 0, 8\]"),
        (torch.zeros(2, 4, 8, 8, dtype=torch.int64), r"int64 of shape"),
        (torch.zeros(2, 4, dtype=torch.complex64), r"complex64 of shape"),
        (torch.zeros(2, 4, dtype=torch.bool), r"bool of shape"),
        (torch.zeros(()), r"of shape \[\]"),
    ],
)
def test_features_seeds_cannot_work_on_are_refused(features, got):
    with pytest.raises(ShapeError, match=f"features of slot r1c2 must be .*got torch.*{got}"):
        SlotShape.of(features, slot_id="r1c2")


@pytest.mark.parametrize("per_sample", [(4, 2, 2), (3, 4), (4,)])
def test_an_empty_batch_still_has_a_shape(per_sample):
    assert SlotShape.of(torch.zeros(0, *per_sample), slot_id="r0c0").per_sample == per_sample
