"""Observing: every run of every module, in the order they end, with the work done until then."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import ShapeError
from tamiyo.model.attaching.observing import observe
from tamiyo.model.attaching.trial import Trial
from tests.support.awkward_hosts import Again, Called, Encoder, draw
from tests.support.hosts import build_batch, build_host


class Channelwise(nn.LayerNorm):
    """Normalizes over axis 1 of a map, whatever its base class does."""

    def forward(self, features):
        return super().forward(features.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def watch(host, example=None):
    return observe(Trial(host, build_batch()[0] if example is None else example))


def test_runs_come_in_the_order_they_end_with_the_work_until_then():
    stages = (nn.Sequential(*build_host()[:3]), nn.Sequential(*build_host()[6:]))
    observation = watch(nn.Sequential(*stages))
    runs = [(run.path, run.work) for run in observation.sightings]
    assert runs == [
        *[("0.0", 1), ("0.1", 2), ("0.2", 2), ("0", 2)],
        *[("1.0", 2), ("1.1", 2), ("1.2", 3), ("1", 3)],
    ]
    assert observation.work == 3
    assert observation.first("1.2").is_final
    assert not observation.first("0").is_final


def test_the_parameters_used_so_far_come_last_first():
    observation = watch(build_host())
    assert observation.list_parameters("4") == ["4.weight", "3.weight", "1.weight", "0.weight"]


def test_a_module_may_run_often_or_never():
    observation = watch(Again(), draw(4, 6))
    assert len(observation.find("second")) == 2
    assert observation.find("nothing") == []


def test_modules_behind_a_fast_path_are_seen():
    assert watch(Encoder(), draw(2, 7, 8)).find("encoder.layers.0.linear1")


@pytest.mark.parametrize(
    ("layers", "axis"),
    [
        ((nn.Conv2d(1, 8, 1), nn.ReLU()), 1),
        ((nn.Conv2d(1, 8, 1), Channelwise(8)), 1),
        ((nn.Linear(8, 8), nn.GELU()), -1),
        ((nn.Conv2d(1, 1, 1), nn.Linear(8, 8), nn.LayerNorm(8)), -1),
        ((nn.Linear(8, 8), nn.Conv2d(1, 1, 1)), 1),
        ((nn.Linear(8, 8), nn.Conv2d(1, 2, 3)), 1),
        ((nn.ReLU(),), None),
    ],
)
def test_the_last_layer_of_the_same_shape_says_where_the_channels_are(layers, axis):
    observation = watch(nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(2)))
    assert observation.find_channel_axis(len(layers) - 1) == axis


def test_an_example_the_host_does_not_take_is_refused_with_its_own_words():
    host = Called(lambda self, x, y: self.layer(x), layer=nn.Linear(6, 3))
    with pytest.raises(ShapeError, match=r"got TypeError: .*positional argument: 'y': give a"):
        watch(host, draw(4, 6))


def test_an_example_of_another_library_is_refused_like_any_other():
    with pytest.raises(ShapeError, match=r"got TypeError: .* not numpy\.ndarray: give a tensor, a"):
        watch(nn.Sequential(nn.Linear(6, 3)), draw(4, 6).numpy())


def test_a_nested_tensor_is_not_taken_for_a_tensor():
    def nest(self, x):
        return torch.nested.to_padded_tensor(self.inner(x), 0.0)

    inner = Called(lambda self, x: torch.nested.as_nested_tensor(list(x), layout=torch.jagged))
    sighting = watch(Called(nest, inner=inner), draw(2, 7, 8)).first("inner")
    assert (sighting.kind, sighting.shape) == ("a nested tensor", None)


def test_fast_paths_are_on_again_afterwards():
    watch(build_host())
    assert torch.backends.mha.get_fastpath_enabled()
