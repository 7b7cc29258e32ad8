from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.engine.batched.layers import BatchedLayer, stack_module
from tests.support.stacked import (
    Case,
    assert_runs_close,
    draw_floats,
    make_bank,
    run_plainly,
    run_stacked,
)


class Scaled(nn.Module):
    """A layer that no batched form is registered for."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.randn(3))

    def forward(self, features):
        return features * self.scale


class Looking(Scaled):
    """One that vmap cannot run: its control flow looks at the data."""

    def forward(self, features):
        return super().forward(features) if features.sum() > 0 else features + self.scale


class Branching(nn.Module):
    """Code of a host around its layers."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(2, 3, 3, padding=1), nn.Conv2d(2, 3, 1)

    def forward(self, maps):
        return self.one(maps) + self.two(maps).relu()


@pytest.mark.parametrize("kind", [Scaled, Looking])
def test_a_layer_without_a_batched_form_runs_for_every_network(kind):
    case = Case(kind, draw_floats(4, 3))
    assert_runs_close(run_stacked(case, range(5)), run_plainly(case, range(5)))


@pytest.mark.parametrize("watched", [(), ("1",)])
def test_an_activation_before_a_pool_changes_places_unless_watched(watched):
    host = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.MaxPool2d(2))
    stacked = stack_module(host, make_bank([host]), watched=watched)
    kinds = [type(part.layer) for part in stacked]
    assert kinds[1:] == ([nn.ReLU, nn.MaxPool2d] if watched else [nn.MaxPool2d, nn.ReLU])


def test_code_of_a_host_runs_on_all_samples():
    case = Case(Branching, draw_floats(4, 2, 5, 5))
    assert_runs_close(run_stacked(case, range(3)), run_plainly(case, range(3)))


def test_reading_a_tensor_past_its_layer_is_refused():
    host = nn.Linear(2, 3)
    stacked = stack_module(host, make_bank([host]))
    assert isinstance(stacked, BatchedLayer)
    assert stacked.in_features == 2
    with pytest.raises(NotImplementedError, match="reads weight of a layer past the layer"):
        stacked.weight  # noqa: B018  # the access is what is tested
