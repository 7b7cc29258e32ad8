"""Mixing: what flows along an axis is found by changing one half and looking at the other."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.model.attaching.mixing import (
    Mixing,
    count_samples,
    list_changeable,
    measure_mixing,
)
from tamiyo.model.attaching.trial import Trial
from tests.support.awkward_hosts import Attending, Called, Decoder, draw, draw_ids

NONE = Mixing(backward=False, forward=False)
FORWARD = Mixing(backward=False, forward=True)
BACKWARD = Mixing(backward=True, forward=False)
BOTH = Mixing(backward=True, forward=True)


def build(function):
    return Called(
        lambda self, x: self.head(self.slot(x)), slot=Called(function), head=nn.Linear(5, 2)
    )


def mixing_in(host, path, example, axis):
    trial = Trial(host, example)
    whole = trial.run_and_read([path])
    return measure_mixing(trial, whole, [example], axis)


@pytest.mark.parametrize(
    ("function", "along"),
    [
        (lambda self, x: x.sin(), NONE),
        (lambda self, x: x.cumsum(1), FORWARD),
        (lambda self, x: x.flip(1).cumsum(1).flip(1), BACKWARD),
        (lambda self, x: x + x.mean(1, keepdim=True), BOTH),
        (lambda self, x: torch.fft.irfft(torch.fft.rfft(x, 16, dim=1), 16, dim=1)[:, :8], NONE),
        (lambda self, x: nn.functional.pad(x, (0, 0, 1, 0)).cumsum(1), FORWARD),
        (lambda self, x: x[:, 1:].cumsum(1), FORWARD),
    ],
    ids=["pointwise", "past", "future", "mean", "rounding only", "one more", "one fewer"],
)
def test_what_flows_along_positions_is_found(function, along):
    found = mixing_in(build(function), "slot", draw(3, 8, 5), 1)
    assert found.at("slot") == [along]
    assert found.outputs == [along]


@pytest.mark.parametrize(
    ("function", "across"),
    [(lambda self, x: x.cumsum(1), NONE), (lambda self, x: x.cumsum(0), FORWARD)],
)
def test_what_flows_across_samples_is_found(function, across):
    assert mixing_in(build(function), "slot", draw(4, 8, 5), 0).at("slot") == [across]


@pytest.mark.parametrize(("is_causal", "along"), [(True, FORWARD), (False, BOTH)])
def test_attention_over_tokens_is_seen_through(is_causal, along):
    host = Decoder(is_causal=is_causal)
    found = mixing_in(host, "blocks.1", draw_ids(2, 7), 1)
    assert found.at("blocks.1") == [along]
    assert mixing_in(host, "drop", draw_ids(2, 7), 1).at("drop") == [NONE]


def test_an_output_without_the_axis_is_left_out():
    host = Called(
        lambda self, x: self.head(self.mix(x)[:, 0]),
        mix=Attending(5, is_causal=False),
        head=nn.Linear(5, 2),
    )
    assert mixing_in(host, "mix", draw(3, 8, 5), 1).outputs == []


@pytest.mark.parametrize(
    ("tensor", "changeable"),
    [
        (draw(3, 4), True),
        (torch.zeros(3, 4), True),
        (draw_ids(3, 4), True),
        (torch.ones(3, 4, dtype=torch.int64), False),
        (torch.ones(3, 4, dtype=torch.bool), False),
        (torch.ones(5, 4), False),
        (torch.tensor(1.0), False),
    ],
)
def test_masks_and_lone_ids_and_what_is_not_per_sample_stay_as_they_are(tensor, changeable):
    example = {"first": torch.tensor(3), "x": draw(3, 2), "y": tensor}
    assert count_samples(example) == 3
    assert any(tensor is found for found in list_changeable(example)) == changeable


def test_tokens_are_replaced_by_tokens_of_the_example():
    ids = torch.tensor([[3, 70, 3, 900]])
    seen = []
    host = Called(
        lambda self, x: seen.append(x) or self.slot(x.float()[..., None]), slot=nn.Linear(1, 2)
    )
    mixing_in(host, "slot", ids, 1)
    assert {int(i) for x in seen for i in x.flatten()} == {3, 70, 900}
    assert [int((x != ids).sum()) for x in seen] == [0, 2, 2]
