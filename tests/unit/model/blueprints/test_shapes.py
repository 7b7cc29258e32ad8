"""Shapes of slots."""

from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import ShapeError
from tamiyo.model import SlotShape, Topology


def test_a_shape_is_read_off_a_batch():
    shape = SlotShape.of(torch.zeros(7, 4, 3, 5), slot_id="r0c0")
    assert shape == SlotShape(Topology.CNN, 4, (3, 5))
    assert (shape.per_sample, shape.channel_shape) == ((4, 3, 5), (4, 1, 1))


@pytest.mark.parametrize(
    ("features", "got"),
    [
        (torch.zeros(2, 10), r"float32 of shape \[2, 10\]"),
        (torch.zeros(2, 4, 8), r"float32 of shape \[2, 4, 8\]"),
        (torch.zeros(2, 4, 8, 8, 8), r"of shape \[2, 4, 8, 8, 8\]"),
        (torch.zeros(2, 1, 1, 1), r"of shape \[2, 1, 1, 1\]"),
        (torch.zeros(2, 4, 8, 8, dtype=torch.int64), "int64 of shape"),
        (torch.zeros(()), r"of shape \[\]"),
    ],
)
def test_features_seeds_cannot_work_on_are_refused(features, got):
    with pytest.raises(ShapeError, match=f"features of slot r1c2 must be .*got torch.*{got}"):
        SlotShape.of(features, slot_id="r1c2")


def test_an_empty_batch_still_has_a_shape():
    assert SlotShape.of(torch.zeros(0, 4, 2, 2), slot_id="r0c0").per_sample == (4, 2, 2)
