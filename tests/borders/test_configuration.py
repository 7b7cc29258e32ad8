"""A damaged config.json: refused in one line, or a configuration that keeps every rule."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamiyo.contracts import ArtifactError, TamiyoError, decode_record, encode_record
from tamiyo.recipes import RunConfig, RunFolder, TrainConfig, load_training
from tests.support.damage import damaged_bytes, damaged_values, encode_deeply, meet, snapshot

TRAINING = json.loads(json.dumps(encode_record(TrainConfig())))
RUN = json.loads(json.dumps(encode_record(RunConfig())))
WHOLE = {"format": "tamiyo-run-1", "train": TRAINING}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


def load(folder, content):
    (folder / "config.json").write_bytes(content)
    loaded = meet(load_training, folder)
    assert snapshot(folder) == {"config.json": content}
    if isinstance(loaded, TamiyoError):
        return loaded
    # What was accepted is a whole configuration: it can be written and read again.
    plain = json.loads(json.dumps(encode_record(loaded[0])))
    assert encode_record(decode_record(TrainConfig, plain)) == encode_record(loaded[0])
    return loaded[0]


def test_what_the_damage_starts_from_is_whole(folder):
    assert load(folder, json.dumps(WHOLE).encode()) == TrainConfig()


@settings(max_examples=200)
@given(value=damaged_values(WHOLE))
def test_damaged_settings_are_refused_or_keep_the_rules(folder, value):
    load(folder, json.dumps(value).encode())


@settings(max_examples=200)
@given(content=damaged_bytes(json.dumps(WHOLE, indent=2).encode()) | st.binary(max_size=64))
def test_a_damaged_file_is_refused_or_keeps_the_rules(folder, content):
    load(folder, content)


@settings(max_examples=200)
@given(value=damaged_values(RUN))
def test_damaged_settings_of_a_run_are_refused_or_keep_the_rules(value):
    assert isinstance(meet(decode_record, RunConfig, value), RunConfig | TamiyoError)


@pytest.mark.parametrize("key", [None, "format", "train"])
def test_a_file_nested_too_deep_to_read_is_refused(folder, key):
    assert isinstance(load(folder, encode_deeply(key).encode()), ArtifactError)


def test_absurd_sizes_are_refused_before_anything_is_built(folder):
    value = {**WHOLE, "train": {**TRAINING, "envs": 10**9}}
    assert "envs must be at most" in str(load(folder, json.dumps(value).encode()))


@pytest.mark.parametrize(
    ("name", "nearest"), [("env_s", "envs"), ("recordenvs", "record_envs"), ("lerner", "learner")]
)
def test_an_unknown_setting_is_refused_with_the_nearest_known_one(folder, name, nearest):
    value = {**WHOLE, "train": {**TRAINING, name: 1}}
    refusal = str(load(folder, json.dumps(value).encode()))
    assert f"got {name!r} as well (nearest: {nearest})" in refusal


def test_a_folder_in_place_of_the_file_and_a_link_to_itself_are_refused(tmp_path):
    (tmp_path / "a" / "config.json").mkdir(parents=True)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "config.json").symlink_to("config.json")
    for name in "ab":
        with pytest.raises(ArtifactError, match=r"must hold the config.json of a run, got"):
            RunFolder(tmp_path / name).read_config()
