from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.support.stacked import Case, assert_runs_close, run_plainly, run_stacked

TIES = Case(
    lambda: nn.MaxPool2d(2),
    lambda generator: torch.randint(2, (5, 3, 4, 6), generator=generator).float(),
)


def test_a_tie_gives_the_gradient_to_the_pixel_that_pytorch_gives_it_to():
    ours, theirs = run_stacked(TIES, range(3)), run_plainly(TIES, range(3))
    assert_runs_close(ours, theirs, tolerance=0)


@pytest.mark.parametrize("layer", [nn.MaxPool2d(2), nn.Sequential(nn.MaxPool2d(2), nn.ReLU())])
def test_a_pool_keeps_the_maps_of_networks_apart(layer):
    case = Case(lambda: layer, TIES.draw)
    assert_runs_close(run_stacked(case, [3, 1]), run_plainly(case, [3, 1]), tolerance=0)
