"""Exports: the same bits in another process, and one clear line for whatever is not whole."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import nn

from tamiyo.contracts import ArtifactError, Blueprint, SeedStage, Style
from tamiyo.model import (
    GROWTH_FORMAT,
    attach,
    check_exportable,
    load_export,
    save_export,
    write_atomically,
)
from tests.support.hosts import build_batch, build_host, build_model, build_seeded, walk_to

ROOT = Path(__file__).resolve().parents[4]
RECIPE_FIELDS = (
    "format",
    "host",
    "host_parameters",
    "parameters",
    "fossils",
    "non_persistent",
    "strides",
    "weights_sha256",
    "recipe_sha256",
)
FOSSIL_FIELDS = (
    "slot_id",
    "path",
    "seed_id",
    "blueprint",
    "style",
    "algorithm",
    "alpha",
    "topology",
    "channels",
    "is_causal",
    "dtype",
)
LOAD_ELSEWHERE = """
import sys, torch
from pathlib import Path
from tamiyo.model import load_export
from tests.support.hosts import build_batch, build_host
network = load_export(Path(sys.argv[1]), lambda host: build_host(seed=99, **host))
print(network(build_batch()[0]).detach().numpy().tobytes().hex())
"""


INPUTS = build_batch()[0]


def build(host):
    """The host of a recipe, with other initial weights."""
    return build_host(seed=99, **host)


def build_grown(*, wrap=False):
    model = build_model(wrap=wrap).eval()
    styles = {"r0c0": Style.GATED_GATE, "r0c1": Style.LINEAR_MULTIPLY}
    for slot_id, style in styles.items():
        walk_to(model, SeedStage.FOSSILIZED, slot_id, blueprint=Blueprint.CONV_LIGHT, style=style)
        with torch.no_grad():
            model.slots[slot_id].seed.module.scale.fill_(0.3)
    return model


@cache
def build_once():
    return build_grown()


@pytest.fixture
def folder(tmp_path):
    save_export(build_once(), tmp_path, host={"channels": 4})
    return tmp_path


def edit_recipe(folder, change):
    path = folder / "growth.json"
    recipe = json.loads(path.read_text())
    change(recipe)
    path.write_text(json.dumps(recipe))


def refuse(folder):
    with pytest.raises(ArtifactError) as refusal:
        load_export(folder, build)
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


@pytest.mark.parametrize("wrap", [False, True])
def test_an_export_gives_the_same_bits_again(tmp_path, wrap):
    model = build_grown(wrap=wrap)
    save_export(model, tmp_path, host={"wrap": wrap})
    network = load_export(tmp_path, build)
    assert not network.training
    assert torch.equal(network(build_batch()[0]), model(build_batch()[0]))


def test_an_export_gives_the_same_bits_in_a_fresh_process(folder):
    run = subprocess.run(
        [sys.executable, "-c", LOAD_ELSEWHERE, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    outputs = build_once()(build_batch()[0])
    assert run.stdout.strip() == outputs.detach().numpy().tobytes().hex()


def test_an_export_is_two_files_and_code_and_a_recipe_a_person_can_read(folder):
    names = {path.name for path in folder.iterdir()}
    assert names == {"growth.json", "weights.safetensors", "network"}
    recipe = json.loads((folder / "growth.json").read_text())
    assert set(recipe) == set(RECIPE_FIELDS)
    assert recipe["format"] == GROWTH_FORMAT
    assert recipe["parameters"] == build_once().count_parameters()
    assert [fossil["path"] for fossil in recipe["fossils"]] == ["2", "5"]
    assert tuple(recipe["fossils"][0]) == FOSSIL_FIELDS


def test_uncommitted_seeds_are_left_out(tmp_path):
    model = build_model().eval()
    walk_to(model, SeedStage.HOLDING)
    save_export(model, tmp_path, host={})
    recipe = json.loads((tmp_path / "growth.json").read_text())
    assert recipe["fossils"] == []
    assert recipe["parameters"] == recipe["host_parameters"]


def build_nested(_host=None):
    inner = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
    return nn.Sequential(inner, nn.Conv2d(2, 2, 1))


def test_slots_inside_slots_are_found_again(tmp_path):
    slots = {"r0c0": "0", "r0c1": "0.1"}
    model = attach(build_nested(), slots, build_batch()[0], generator=build_seeded()).eval()
    for slot_id in slots:
        walk_to(model, SeedStage.FOSSILIZED, slot_id, blueprint=Blueprint.CONV_SMALL)
        with torch.no_grad():
            model.slots[slot_id].seed.module.scale.fill_(0.7)
    save_export(model, tmp_path, host={})
    network = load_export(tmp_path, build_nested)
    assert torch.equal(network(build_batch()[0]), model(build_batch()[0]))


def build_tied(_host=None):
    host = nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), nn.Conv2d(1, 1, 3, padding=1))
    host[1].weight = host[0].weight
    return host


def test_tied_weights_are_written_and_stay_tied(tmp_path):
    slots = {"r0c0": "0"}
    model = attach(build_tied(), slots, build_batch()[0], generator=build_seeded()).eval()
    save_export(model, tmp_path, host={})
    network = load_export(tmp_path, build_tied)
    assert network[0].weight is network[1].weight
    assert torch.equal(network(build_batch()[0]), model(build_batch()[0]))


@pytest.mark.parametrize("kept", [0, 7, -1])
def test_truncated_weights_are_refused(folder, kept):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:kept])
    assert "truncated or altered, export again" in refuse(folder)


def test_one_altered_bit_of_the_weights_is_refused(folder):
    path = folder / "weights.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    recipe = json.loads((folder / "growth.json").read_text())
    assert f"must have the sha256 {recipe['weights_sha256']}" in refuse(folder)


@pytest.mark.parametrize("name", RECIPE_FIELDS[1:])
@pytest.mark.parametrize("value", [None, 3, "other"])
def test_an_altered_field_of_the_recipe_is_refused(folder, name, value):
    edit_recipe(folder, lambda recipe: recipe.update({name: value}))
    assert "must match its own recipe_sha256, got " in refuse(folder)


@pytest.mark.parametrize("name", FOSSIL_FIELDS)
def test_an_altered_field_of_a_fossil_is_refused(folder, name):
    edit_recipe(folder, lambda recipe: recipe["fossils"][0].update({name: "other"}))
    assert "must match its own recipe_sha256" in refuse(folder)


@pytest.mark.parametrize("name", RECIPE_FIELDS[1:])
def test_a_missing_field_of_the_recipe_is_refused(folder, name):
    edit_recipe(folder, lambda recipe: recipe.pop(name))
    assert "must match its own recipe_sha256" in refuse(folder)


def test_an_added_field_is_refused(folder):
    edit_recipe(folder, lambda recipe: recipe.update(extra=1))
    assert "must match its own recipe_sha256" in refuse(folder)


@pytest.mark.parametrize("found", ["tamiyo-growth-1", None, 1])
def test_another_format_is_refused(folder, found):
    edit_recipe(folder, lambda recipe: recipe.update(format=found))
    assert f"must be tamiyo-growth-2, got {found!r}: load it with the Tamiyo" in refuse(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"not json"])
def test_a_recipe_that_is_no_json_is_refused(folder, content):
    (folder / "growth.json").write_bytes(content)
    assert "must be a whole JSON object, got " in refuse(folder)


@pytest.mark.parametrize("content", [b"[]", b"3", b"null"])
def test_a_recipe_that_is_no_object_is_refused(folder, content):
    (folder / "growth.json").write_bytes(content)
    assert "must be tamiyo-growth-2, got None: " in refuse(folder)


@pytest.mark.parametrize("name", ["growth.json", "weights.safetensors"])
def test_a_missing_file_is_refused(folder, name):
    (folder / name).unlink()
    assert refuse(folder).endswith(
        f"{name} must be a readable file of an export, got No such file or directory"
    )


@pytest.mark.parametrize("build_other", [build_nested, lambda _: build_host(channels=8)])
def test_a_builder_of_another_host_is_refused(folder, build_other):
    with pytest.raises(ArtifactError, match=r"host \{'channels': 4\} of .*, got ") as refusal:
        load_export(folder, build_other)
    assert "\n" not in str(refusal.value)


def test_the_folder_may_be_in_words_and_is_made(tmp_path):
    folder = tmp_path / "new" / "export"
    save_export(build_once(), str(folder), host={"channels": 4})
    assert torch.equal(load_export(str(folder), build)(INPUTS), build_once()(INPUTS))


@pytest.mark.parametrize("place", ["file", "file/export"])
def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path, place):
    (tmp_path / "file").write_text("something else")
    with pytest.raises(
        ArtifactError, match=r"folder of an export must be writable, got .*file.*: "
    ):
        save_export(build_once(), tmp_path / place, host={})
    assert (tmp_path / "file").read_text() == "something else"


def test_a_host_with_slots_and_a_bare_one_can_be_exported():
    check_exportable(build_once())
    check_exportable(build_host())


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "file"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


def test_loading_draws_nothing_from_the_global_generator(folder):
    before = torch.random.get_rng_state()
    load_export(folder, build)
    assert torch.equal(before, torch.random.get_rng_state())
