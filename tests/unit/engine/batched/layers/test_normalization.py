from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.engine.batched.bank import Chosen
from tamiyo.engine.batched.layers.normalization import per_channel
from tests.support.stacked import (
    Case,
    assert_runs_close,
    draw_floats,
    run_plainly,
    run_stacked,
)

BATCH_NORM = Case(lambda: nn.BatchNorm2d(3, momentum=0.3), draw_floats(6, 3, 4, 4))


def test_numbers_of_channels_meet_maps():
    assert per_channel(torch.zeros(2, 3)).shape == (2, 3, 1, 1, 1)


def test_running_statistics_follow_every_pass_in_training():
    ours = run_stacked(BATCH_NORM, range(3), passes=4)
    assert_runs_close(ours, run_plainly(BATCH_NORM, range(3), passes=4))
    assert [int(own["num_batches_tracked"]) for own in ours.buffers] == [4, 4, 4]


def test_running_statistics_stay_in_evaluation():
    ours = run_stacked(BATCH_NORM, range(2), training=False)
    for own in ours.buffers:
        assert torch.equal(own["running_mean"], torch.zeros(3))
        assert int(own["num_batches_tracked"]) == 0


def test_a_pass_that_leaves_rows_as_they_are_leaves_statistics_too():
    before = run_stacked(BATCH_NORM, [0, 1], training=False).buffers
    chosen = Chosen(rows=torch.tensor([1, 0]), is_fixed=True)
    case = Case(BATCH_NORM.build, BATCH_NORM.draw)
    run = run_stacked(case, [0, 1], chosen=chosen)
    for own, old in zip(run.buffers, before, strict=True):
        assert all(torch.equal(own[name], old[name]) for name in old)


def test_a_cumulative_average_is_refused():
    case = Case(lambda: nn.BatchNorm2d(3, momentum=None), BATCH_NORM.draw)
    with pytest.raises(NotImplementedError, match="must have a momentum"):
        run_stacked(case, [0])


@pytest.mark.parametrize("run", [run_stacked, run_plainly])
def test_a_channel_of_one_value_is_refused_in_training(run):
    case = Case(lambda: nn.BatchNorm2d(3), draw_floats(1, 3, 1, 1))
    with pytest.raises(ValueError, match=r"more than (one|1) value"):
        run(case, [0])
