"""Recipes: a name and plain values in, a module or one clear line out."""

from __future__ import annotations

import json

import pytest
import torch

from tamiyo.contracts import ConfigError, UnknownNameError
from tamiyo.tasks import HostRecipe, build_host, list_hosts, widen_recipe

SMALLEST = {"channels": 2, "blocks": 2, "num_classes": 10}


def cnn(**changes):
    return HostRecipe(name="cnn", arguments={**SMALLEST, **changes})


def test_a_recipe_builds_what_its_arguments_say():
    host = build_host(cnn(channels=5, normalization="none"))
    assert host.get_submodule("block2.0").out_channels == 5
    assert not any("GroupNorm" in type(module).__name__ for module in host.modules())


def test_a_recipe_survives_a_round_trip_through_json():
    recipe = cnn(normalization="none")
    text = json.dumps({"name": recipe.name, "arguments": dict(recipe.arguments)})
    assert HostRecipe(**json.loads(text)) == recipe


def test_two_builds_share_no_tensor():
    first, second = build_host(cnn()), build_host(cnn())
    owned = {parameter.data_ptr() for parameter in first.parameters()}
    assert owned.isdisjoint(parameter.data_ptr() for parameter in second.parameters())


def test_the_same_generator_state_gives_the_same_bytes():
    with torch.random.fork_rng(devices=[]):
        state = torch.random.get_rng_state()
        first = build_host(cnn())
        torch.random.set_rng_state(state)
        second = build_host(cnn())
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in pairs)


def test_every_listed_host_is_sorted_and_known():
    assert list_hosts() == ("cnn",)


def test_an_unknown_host_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="host must be one of cnn, got 'resnet'"):
        build_host(HostRecipe(name="resnet", arguments={}))


def test_an_unknown_argument_is_refused_by_name():
    with pytest.raises(ConfigError, match=r"must be among channels, .*, got 'width'"):
        build_host(cnn(width=3))


def test_a_missing_argument_is_named():
    recipe = HostRecipe(name="cnn", arguments={"channels": 2})
    with pytest.raises(ConfigError, match="must include blocks, num_classes, got channels"):
        build_host(recipe)


def test_no_arguments_at_all_are_refused():
    with pytest.raises(ConfigError, match="blocks, channels, num_classes, got none"):
        build_host(HostRecipe(name="cnn", arguments={}))


@pytest.mark.parametrize("value", ["4", 4.0, True])
def test_an_argument_of_the_wrong_type_is_refused(value):
    with pytest.raises(
        ConfigError, match=f"channels of host cnn must be of type int, got {value!r}"
    ):
        build_host(cnn(channels=value))


def test_an_argument_out_of_range_is_refused_by_the_builder():
    with pytest.raises(ConfigError, match="blocks of host cnn must be at least 2, got 1"):
        build_host(cnn(blocks=1))


def test_widening_changes_the_width_and_nothing_else():
    assert widen_recipe(cnn(), 8) == cnn(channels=8)


def test_a_host_without_channels_cannot_be_widened():
    with pytest.raises(ConfigError, match=r"host mlp must have the argument channels .* got 8"):
        widen_recipe(HostRecipe(name="mlp", arguments={"hidden": 4}), 8)
