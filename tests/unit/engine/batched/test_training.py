from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import Blueprint, InvariantError, LifecycleOp, Style
from tamiyo.engine.batched.training import _zip_batches
from tests.support.populations import Pair
from tests.support.tasks import WAIT, act, build_tiny_data, germinate, make_member


def test_batches_of_environments_lie_one_behind_the_other():
    data = build_tiny_data()
    members = [make_member(environment=environment, data=data) for environment in range(2)]
    ours = list(_zip_batches(members))
    others = [make_member(environment=environment, data=data) for environment in range(2)]
    alone = [list(data.train_batches(other.generators["data"])) for other in others]
    for step, (inputs, _targets) in enumerate(ours):
        assert torch.equal(inputs, torch.cat([batches[step][0] for batches in alone]))


def test_batches_of_several_sizes_are_refused():
    members = [make_member(data=build_tiny_data(batch_size=size)) for size in (24, 23)]
    with pytest.raises(InvariantError, match="batches must be of one size"):
        list(_zip_batches(members))


def test_gradients_are_read_of_seeds_in_effect_only():
    pair = Pair(range(2))
    pair.step([germinate("r0c0", Blueprint.NORM, Style.GATED_GATE), WAIT])
    pair.step([WAIT] * 2)
    results = pair.step([act(LifecycleOp.ADVANCE), WAIT])
    assert results[0].host.slot("r0c0").seed.gradient_norm > 0
    assert results[1].host.slot("r0c0").seed is None
