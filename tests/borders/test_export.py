"""A damaged or forged export: refused in one line, or a network that runs."""

from __future__ import annotations

import hashlib
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tamiyo.contracts import ArtifactError, Blueprint, SeedStage, Style, TamiyoError
from tamiyo.model import attach, save_export
from tamiyo.model.modules import RECIPE_FILE, WEIGHTS_FILE, digest_recipe
from tamiyo.recipes import load_network
from tamiyo.tasks import HostRecipe, build_host
from tests.support.damage import damaged_bytes, damaged_values, encode_deeply, meet, snapshot
from tests.support.hosts import build_seeded, walk_to

HOST = HostRecipe(name="mlp", arguments={"width": 4, "blocks": 2, "inputs": 3, "outputs": 2})
INPUTS = torch.ones(2, 3)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Export a network; return its recipe and weights."""
    folder = tmp_path_factory.mktemp("export")
    slots = {"r0c0": "block1", "r0c1": "block2"}
    model = attach(build_host(HOST), slots, INPUTS, generator=build_seeded())
    walk_to(model, SeedStage.FOSSILIZED, blueprint=Blueprint.LORA, style=Style.GATED_GATE)
    save_export(model, folder, host={"name": HOST.name, "arguments": dict(HOST.arguments)})
    return json.loads((folder / RECIPE_FILE).read_bytes()), (folder / WEIGHTS_FILE).read_bytes()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("damaged")


def seal(recipe):
    """Vouch for a recipe, as a forger would, where that is possible."""
    if isinstance(recipe, dict):
        recipe = {name: value for name, value in recipe.items() if name != "recipe_sha256"}
        recipe["recipe_sha256"] = digest_recipe(json.loads(json.dumps(recipe)))
    return json.dumps(recipe).encode()


def load(folder, recipe, weights):
    files = {RECIPE_FILE: recipe, WEIGHTS_FILE: weights}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    network = meet(load_network, folder)
    assert snapshot(folder) == files
    if isinstance(network, TamiyoError):
        return network
    with torch.no_grad():
        network(INPUTS)
    return network


def test_what_the_damage_starts_from_is_whole(folder, whole):
    recipe, weights = whole
    assert isinstance(load(folder, seal(recipe), weights), nn.Module)


@settings(max_examples=100)
@given(data=st.data())
def test_no_damaged_byte_goes_unseen(folder, whole, data):
    recipe, weights = json.dumps(whole[0], indent=2).encode(), whole[1]
    broken = data.draw(damaged_bytes(recipe)), data.draw(damaged_bytes(weights))
    for files in ((broken[0], weights), (recipe, broken[1])):
        # Blanks between the values of JSON mean nothing.
        is_whole = files[1] == weights and meet_json(files[0]) == whole[0]
        assert is_whole or isinstance(load(folder, *files), TamiyoError)


def meet_json(content):
    try:
        return json.loads(content)
    except ValueError:
        return None


@settings(max_examples=150)
@given(data=st.data())
def test_a_forged_recipe_is_refused_or_harmless(folder, whole, data):
    recipe, weights = whole
    load(folder, seal(data.draw(damaged_values(recipe))), weights)


@settings(max_examples=150)
@given(data=st.data())
def test_forged_weights_are_refused_or_harmless(folder, whole, data):
    recipe, weights = whole
    start = 8 + int.from_bytes(weights[:8], "little")
    header = json.dumps(data.draw(damaged_values(json.loads(weights[8:start])))).encode()
    load_weights(folder, recipe, header, weights[start:])


def load_weights(folder, recipe, header, numbers):
    weights = len(header).to_bytes(8, "little") + header + numbers
    digest = hashlib.sha256(weights).hexdigest()
    return load(folder, seal({**recipe, "weights_sha256": digest}), weights)


@pytest.mark.parametrize("shape", [[10**12], [0, 10**30], [2**40, 2**40]])
def test_numbers_that_are_not_there_take_no_memory(folder, whole, shape):
    header = json.dumps({"a": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}).encode()
    assert isinstance(load_weights(folder, whole[0], header, b""), ArtifactError)


@pytest.mark.parametrize("key", [None, "format"])
def test_what_is_nested_too_deep_to_read_is_refused(folder, whole, key):
    recipe, weights = whole
    assert isinstance(load(folder, encode_deeply(key).encode(), weights), ArtifactError)
    refusal = load_weights(folder, recipe, encode_deeply(key).encode(), b"")
    assert isinstance(refusal, ArtifactError)


@pytest.mark.parametrize(
    ("name", "size"), [("width", 10**9), ("width", 100_000), ("blocks", 10**12), ("blocks", 2000)]
)
def test_a_host_larger_than_its_weights_is_not_built(folder, whole, name, size):
    recipe, weights = whole
    host = {"name": "mlp", "arguments": {**HOST.arguments, name: size}}
    refusal = load(folder, seal({**recipe, "host": host}), weights)
    assert isinstance(refusal, TamiyoError)
    assert str(size) in str(refusal)


def test_a_seed_larger_than_its_weights_is_not_built(folder, whole):
    recipe, weights = whole
    fossil = {**recipe["fossils"][0], "channels": 10**8}
    refusal = load(folder, seal({**recipe, "fossils": [fossil]}), weights)
    assert "weights where the file holds" in str(refusal)


@pytest.mark.parametrize("alpha", [0, -1.0, 1.5, float("nan")])
def test_a_seed_without_an_influence_is_refused(folder, whole, alpha):
    recipe, weights = whole
    fossil = {**recipe["fossils"][0], "alpha": alpha}
    refusal = load(folder, seal({**recipe, "fossils": [fossil]}), weights)
    assert f"alpha {alpha} for r0c0, not in (0, 1]" in str(refusal)


def test_folders_in_place_of_files_and_links_to_themselves_are_refused(tmp_path, whole):
    recipe, _ = whole
    (tmp_path / RECIPE_FILE).mkdir()
    assert isinstance(meet(load_network, tmp_path), ArtifactError)
    (tmp_path / RECIPE_FILE).rmdir()
    (tmp_path / RECIPE_FILE).write_bytes(seal(recipe))
    (tmp_path / WEIGHTS_FILE).symlink_to(WEIGHTS_FILE)
    assert isinstance(meet(load_network, tmp_path), ArtifactError)
