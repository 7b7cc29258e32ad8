"""The loader: it refuses in one line, and leaves the global generator alone."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch

from tamiyo.contracts import Blueprint, SeedStage, Style
from tamiyo.model import attach, save_export
from tamiyo.model.modules import (
    GROWTH_FORMAT,
    RECIPE_FILE,
    WEIGHTS_FILE,
    LoadError,
    digest_recipe,
    load,
    load_network,
)
from tests.support.hosts import build_seeded, walk_to
from tests.support.plain_hosts import SLOTS, Perceptron, draw_inputs


@pytest.fixture
def folder(tmp_path):
    model = attach(Perceptron(), SLOTS["mlp"], draw_inputs("mlp"), generator=build_seeded())
    walk_to(model, SeedStage.FOSSILIZED, blueprint=Blueprint.LORA, style=Style.GATED_GATE)
    save_export(model, tmp_path, host={"layers": 2})
    return tmp_path


def rewrite(folder, change):
    """Change a recipe and vouch for it, as a later version or another program might."""
    path = folder / RECIPE_FILE
    recipe = json.loads(path.read_text())
    del recipe["recipe_sha256"]
    change(recipe)
    path.write_text(json.dumps(recipe | {"recipe_sha256": digest_recipe(recipe)}))


def refuse(folder, build=Perceptron):
    with pytest.raises(LoadError) as refusal:
        load(folder, build)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


def test_the_builder_gets_what_the_recipe_says_of_the_host(folder):
    seen = []
    load_network(folder, lambda host: seen.append(host) or Perceptron())
    assert seen == [{"layers": 2}]


def test_the_network_is_in_evaluation_mode(folder):
    assert not any(module.training for module in load(folder, Perceptron).modules())


def test_loading_leaves_the_global_generator_alone(folder):
    before = torch.random.get_rng_state()
    load(folder, Perceptron)
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_folder_may_be_given_in_words(folder):
    assert isinstance(load(str(folder), Perceptron), Perceptron)


def test_the_folder_must_be_named():
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'build_host'"):
        load(Perceptron)


@pytest.mark.parametrize("name", [RECIPE_FILE, WEIGHTS_FILE])
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    assert f"{name} must be a readable file of an export, got No such file" in refuse(folder)


def test_another_format_is_refused(folder):
    rewrite(folder, lambda recipe: recipe.update(format="tamiyo-growth-9"))
    assert f"must be {GROWTH_FORMAT}, got 'tamiyo-growth-9'" in refuse(folder)


def test_an_altered_recipe_is_refused(folder):
    path = folder / RECIPE_FILE
    path.write_text(path.read_text().replace('"LORA"', '"MLP"'))
    assert "must match its own recipe_sha256" in refuse(folder)


def test_altered_weights_are_refused(folder):
    path = folder / WEIGHTS_FILE
    path.write_bytes(path.read_bytes()[:-1] + b"\x7f")
    assert "must have the sha256" in refuse(folder)


def test_weights_of_another_format_are_refused(folder):
    (folder / WEIGHTS_FILE).write_bytes(b"other")
    digest = hashlib.sha256(b"other").hexdigest()
    rewrite(folder, lambda recipe: recipe.update(weights_sha256=digest))
    reason = "must be in the safetensors format, got a file whose header must end within"
    assert reason in refuse(folder)


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("blueprint", "TOMORROW", "for vector features, got TOMORROW"),
        ("blueprint", "ATTENTION", "for vector features, got ATTENTION"),
        ("topology", "graph", "for graph features, got LORA"),
    ],
)
def test_a_blueprint_this_version_lacks_is_refused(folder, field, value, reason):
    rewrite(folder, lambda recipe: recipe["fossils"][0].update({field: value}))
    assert f"blueprint of slot r0c0 must be one this version has {reason}" in refuse(folder)


def test_another_host_is_refused(folder):
    reason = refuse(folder, lambda: torch.nn.Linear(2, 2))
    assert reason.startswith("build_host must build the host {'layers': 2} of ")
    assert "has no attribute `first`" in reason


def test_a_mistake_of_the_builder_is_its_own(folder):
    with pytest.raises(AttributeError, match="nothing"):
        load(folder, lambda: Perceptron().nothing)
