"""Recipes: a name and plain values in, a module or one clear line out."""

from __future__ import annotations

import json

import pytest
import torch

from tamiyo.contracts import ConfigError, UnknownNameError
from tamiyo.tasks import HostRecipe, build_host, list_hosts, read_width, widen_recipe

SMALLEST = {"channels": 2, "blocks": 2, "num_classes": 10}
RECIPES = {
    "channels": HostRecipe(name="cnn", arguments=SMALLEST),
    "head_width": HostRecipe(
        name="gpt",
        arguments={"head_width": 2, "heads": 2, "blocks": 1, "context": 8, "vocabulary": 256},
    ),
    "width": HostRecipe(name="mlp", arguments={"width": 2, "blocks": 1, "inputs": 4, "outputs": 3}),
}
"""One recipe of every host, by the argument that makes it wider."""


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


def test_hosts_are_listed_by_name():
    assert list_hosts() == ("cnn", "gpt", "mlp")


def test_an_unknown_host_is_refused_by_name():
    with pytest.raises(UnknownNameError, match="host must be one of cnn, gpt, mlp, got 'resnet'"):
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


@pytest.mark.parametrize("argument", RECIPES)
def test_widening_changes_the_hosts_own_width_and_nothing_else(argument):
    recipe = RECIPES[argument]
    wide = widen_recipe(recipe, 8)
    assert wide == HostRecipe(name=recipe.name, arguments={**recipe.arguments, argument: 8})
    assert (read_width(recipe), read_width(wide)) == (2, 8)


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_every_width_above_the_own_one_can_be_built_and_is_larger(recipe):
    sizes = [
        sum(p.numel() for p in build_host(widen_recipe(recipe, width)).parameters())
        for width in range(2, 9)
    ]
    assert sizes == sorted(set(sizes))


def test_an_unknown_host_cannot_be_widened():
    with pytest.raises(UnknownNameError, match="host must be one of cnn, gpt, mlp, got 'resnet'"):
        widen_recipe(HostRecipe(name="resnet", arguments={"channels": 4}), 8)


def test_a_recipe_without_its_width_has_none_to_read():
    recipe = HostRecipe(name="mlp", arguments={"blocks": 2, "inputs": 4, "outputs": 3})
    with pytest.raises(ConfigError, match="host mlp must include width, got blocks, inputs"):
        read_width(recipe)
