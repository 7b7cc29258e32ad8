"""A damaged schedule file: refused in one line, or a schedule that keeps every rule."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamiyo.contracts import ScheduleError
from tamiyo.controller import Schedule, load_schedule
from tests.support.damage import damaged_bytes, damaged_values, encode_deeply, meet

TABLES = {
    "seed": [{"slot": "r0c0", "blueprint": "conv_light", "germinate": 3}],
    "decision": [{"epoch": 5, "op": "WAIT"}],
}
TOML = b"""[[seed]]
slot = "r0c0"
blueprint = "conv_light"
germinate = 3

[[decision]]
epoch = 5
op = "WAIT"
"""


def load(path, content):
    path.write_bytes(content)
    schedule = meet(load_schedule, path)
    assert isinstance(schedule, Schedule | ScheduleError)
    assert path.read_bytes() == content
    return schedule


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("schedule")


def test_what_the_damage_starts_from_is_whole(folder):
    assert isinstance(load(folder / "a.toml", TOML), Schedule)
    assert isinstance(load(folder / "a.json", json.dumps(TABLES).encode()), Schedule)


@settings(max_examples=200)
@given(tables=damaged_values(TABLES))
def test_damaged_tables_are_refused_or_keep_the_rules(folder, tables):
    load(folder / "a.json", json.dumps(tables).encode())


@settings(max_examples=200)
@given(content=damaged_bytes(TOML) | st.binary(max_size=64))
def test_damaged_bytes_are_refused_or_keep_the_rules(folder, content):
    load(folder / "a.toml", content)


@pytest.mark.parametrize(
    ("name", "content", "rule"),
    [
        ("a.toml", b"a" + b".a" * 100_000 + b" = 1", "lines must have at most 1000 characters"),
        ("a.toml", b"#\n" * 1_000_000, "schedule must have at most 1000000 characters"),
        ("a.json", b"[" * 2_000_000, "schedule must have at most 1000000 characters"),
        ("a.toml", b"a = " + b"[" * 900, "schedule must be TOML"),
        ("a.json", encode_deeply("seed").encode(), "schedule must be JSON"),
    ],
    ids=["dots", "long file", "long line", "nested TOML", "nested JSON"],
)
def test_what_would_take_long_to_parse_is_refused(folder, name, content, rule):
    assert rule in str(load(folder / name, content))


def test_a_folder_and_a_link_to_itself_are_refused(tmp_path):
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    for path in (tmp_path, tmp_path / "loop.toml"):
        assert isinstance(meet(load_schedule, path), ScheduleError)
