"""Schedules read from files, and the one line that says what is wrong with them."""

from __future__ import annotations

import json
import re

import pytest

from tamiyo.contracts import (
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    CurveChoice,
    LifecycleOp,
    ScheduleError,
    Style,
    Tempo,
)
from tamiyo.controller import ScriptedDecision, SeedPlan, load_schedule

SEED = {"slot": "r0c0", "germinate": 4, "blueprint": "norm"}


def save(folder, tables, name="plan.json"):
    """Write tables as JSON and return the path."""
    path = folder / name
    path.write_text(json.dumps(tables))
    return path


def check_refused(path, message):
    """Loading must fail with one line that begins with the path."""
    with pytest.raises(ScheduleError) as caught:
        load_schedule(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert re.search(message, str(caught.value)), str(caught.value)


def test_a_seed_is_read_with_every_field(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("""
        [[seed]]
        slot = "r0c1"
        germinate = 4
        blueprint = "conv_heavy"
        style = "Linear_Add"
        tempo = "FAST"
        alpha_target = "half"
        incubate = 2
        hold = 3
        fossilize = 20
        prune = 30
    """)
    assert load_schedule(path).seeds == (
        SeedPlan(
            slot="r0c1",
            germinate=4,
            blueprint=Blueprint.CONV_HEAVY,
            style=Style.LINEAR_ADD,
            tempo=Tempo.FAST,
            alpha_target=AlphaTarget.HALF,
            incubate=2,
            hold=3,
            fossilize=20,
            prune=30,
        ),
    )


def test_a_decision_is_read_word_for_word(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("""
        [[decision]]
        epoch = 9
        op = "prune"
        slot = "r0c0"
        alpha_speed = "slow"
        alpha_curve = "cosine"
    """)
    assert load_schedule(path).decisions == (
        ScriptedDecision(
            epoch=9,
            op=LifecycleOp.PRUNE,
            slot="r0c0",
            alpha_speed=AlphaSpeed.SLOW,
            alpha_curve=CurveChoice.COSINE,
        ),
    )


def test_json_says_the_same_as_toml(tmp_path):
    toml = tmp_path / "plan.toml"
    toml.write_text('[[seed]]\nslot = "r0c0"\ngerminate = 4\nblueprint = "norm"\n')
    assert load_schedule(save(tmp_path, {"seed": [SEED]})).seeds == load_schedule(toml).seeds


def test_a_missing_file_is_refused(tmp_path):
    check_refused(tmp_path / "none.toml", "must be a readable file, got No such file")


@pytest.mark.parametrize("name", ["plan.toml", "plan.json"])
def test_a_file_of_another_kind_is_refused(tmp_path, name):
    path = tmp_path / name
    path.write_text("germinate everything")
    check_refused(path, f"schedule must be {name[5:].upper()}, got an error: .+")


def test_a_file_that_is_not_text_is_refused(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_bytes(b"\xff\xfe\x00")
    check_refused(path, "schedule must be TOML, got an error: 'utf-8'")


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([1], "schedule must be a table at the top, got list"),
        ({}, "must hold at least one .* got none"),
        ({"slots": []}, "table must be one of seed, decision, got 'slots'"),
        ({"seed": 3}, "seed must be a list of tables .* got 3"),
        ({"seed": [3]}, "seed 1: entry must be a table, got 3"),
    ],
)
def test_a_file_of_another_layout_is_refused(tmp_path, tables, message):
    check_refused(save(tmp_path, tables), message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"colour": 1}, "field must be one of slot, germinate, .* got 'colour'"),
        ({"blueprint": "conv_huge"}, "blueprint must be one of CONV_LIGHT, .* got 'conv_huge'"),
        ({"blueprint": "NOOP"}, "blueprint must be one of CONV_LIGHT, .* got 'NOOP'"),
        ({"blueprint": 3}, "blueprint must be one of .* got 3"),
        ({"style": "linear"}, "style must be one of LINEAR_ADD, .* got 'linear'"),
        ({"tempo": "quick"}, "tempo must be one of FAST, STANDARD, SLOW, got 'quick'"),
        ({"alpha_target": "ZERO"}, "alpha_target must be one of HALF, .* got 'ZERO'"),
        ({"slot": "r00c1"}, "slot id must look like r0c0 .* got 'r00c1'"),
        ({"slot": 7}, "slot must be text, got 7"),
        ({"germinate": 0}, "germinate must be at least 1, got 0"),
        ({"germinate": 1.5}, "germinate must be a whole number, got 1.5"),
        ({"germinate": True}, "germinate must be a whole number, got True"),
        ({"incubate": 0}, "incubate must be at least 1, got 0"),
        ({"hold": -1}, "hold must be at least 1, got -1"),
        ({"fossilize": 4}, "fossilize must come after germinate = 4, got 4"),
        ({"prune": 3}, "prune must come after germinate = 4, got 3"),
        ({"fossilize": 9, "prune": 9}, "prune must come after fossilize = 9, got 9"),
    ],
)
def test_a_wrong_field_of_a_seed_is_named_with_its_entry(tmp_path, change, message):
    path = save(tmp_path, {"seed": [SEED, SEED | change]})
    check_refused(path, f", seed 2: {message}")


@pytest.mark.parametrize("name", ["slot", "germinate", "blueprint"])
def test_a_seed_without_a_required_field_is_refused(tmp_path, name):
    entry = {key: value for key, value in SEED.items() if key != name}
    check_refused(save(tmp_path, {"seed": [entry]}), f"seed 1: {name} must be given, got nothing")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"op": "EXPLODE"}, "op must be one of WAIT, GERMINATE, .* got 'EXPLODE'"),
        ({"op": 3}, "op must be one of .* got 3"),
        ({"epoch": 0}, "epoch must be at least 1, got 0"),
        ({"tempo": "fast"}, "tempo must be left out with op PRUNE, got FAST"),
        ({"alpha_curve": "cosine"}, "alpha_curve must be LINEAR .* got COSINE"),
        ({"op": "GERMINATE"}, "blueprint must be something to build, got none"),
        ({"op": "WAIT"}, "slot must be left out with op WAIT, got r0c0"),
    ],
)
def test_a_wrong_field_of_a_decision_is_named_with_its_entry(tmp_path, change, message):
    entry = {"epoch": 5, "op": "PRUNE", "slot": "r0c0"} | change
    check_refused(save(tmp_path, {"decision": [entry]}), f", decision 1: {message}")


def test_a_decision_that_needs_a_slot_must_name_one(tmp_path):
    path = save(tmp_path, {"decision": [{"epoch": 5, "op": "ADVANCE"}]})
    check_refused(path, "decision 1: slot must be given for this op, got none")


@pytest.mark.parametrize(
    "tables",
    [
        {"seed": [SEED, SEED]},
        {
            "seed": [SEED],
            "decision": [{"epoch": 4, "op": "GERMINATE", "slot": "r0c0", "blueprint": "norm"}],
        },
    ],
)
def test_two_births_in_one_slot_at_the_same_time_are_refused(tmp_path, tables):
    path = save(tmp_path, tables)
    check_refused(path, "germinate must be once per epoch and slot, got 4 twice")
