from __future__ import annotations

import torch
from torch import nn

from tamiyo.model import SqueezeExcite
from tests.support.stacked import Case, assert_runs_close, draw_floats, run_plainly, run_stacked


def test_squeeze_and_excite_works_between_other_layers_of_maps():
    case = Case(
        lambda: nn.Sequential(nn.Conv2d(3, 8, 3), SqueezeExcite(8), nn.ReLU()),
        draw_floats(5, 3, 6, 6),
    )
    assert_runs_close(run_stacked(case, range(4)), run_plainly(case, range(4)))


def test_squeeze_and_excite_weighs_whole_channels():
    case = Case(lambda: SqueezeExcite(4), lambda generator: torch.ones(2, 4, 3, 3))
    outputs = run_stacked(case, [0, 1]).outputs
    for own in outputs:
        assert torch.equal(own, own[:, :, :1, :1].expand_as(own))
    assert not torch.equal(outputs[0], outputs[1])
