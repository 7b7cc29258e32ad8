"""Stages, ops, gates and the transition table."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import (
    ADVANCE_GATES,
    COOLDOWN_STAGES,
    LIVE_STAGES,
    TRANSITIONS,
    ConfigError,
    GateLevel,
    LifecycleConfig,
    LifecycleOp,
    SeedStage,
    SlotIdError,
    StageError,
    parse_slot_id,
    parse_stage,
    sort_slot_ids,
)

STAGES = {
    "UNKNOWN": 0,
    "DORMANT": 1,
    "GERMINATED": 2,
    "TRAINING": 3,
    "BLENDING": 4,
    "HOLDING": 6,
    "FOSSILIZED": 7,
    "PRUNED": 8,
    "EMBARGOED": 9,
    "RESETTING": 10,
}
REGULAR = {
    "UNKNOWN": "DORMANT",
    "DORMANT": "GERMINATED",
    "GERMINATED": "TRAINING PRUNED",
    "TRAINING": "BLENDING PRUNED",
    "BLENDING": "HOLDING PRUNED",
    "HOLDING": "FOSSILIZED BLENDING PRUNED",
    "FOSSILIZED": "",
    "PRUNED": "EMBARGOED",
    "EMBARGOED": "RESETTING",
    "RESETTING": "DORMANT",
}


def reachable(stage):
    found, frontier = set(), [stage]
    while frontier:
        new = set(TRANSITIONS[frontier.pop()]) - found
        found |= new
        frontier += new
    return found


def test_stages_ops_and_gates_have_the_documented_integers():
    assert {stage.name: int(stage) for stage in SeedStage} == STAGES
    assert [op.name for op in LifecycleOp] == (
        ["WAIT", "GERMINATE", "SET_ALPHA_TARGET", "PRUNE", "FOSSILIZE", "ADVANCE"]
    )
    assert [int(op) for op in LifecycleOp] == list(range(6))
    assert [int(gate) for gate in GateLevel] == [0, 1, 2, 3, 5]


@pytest.mark.parametrize("value", sorted(STAGES.values()))
@pytest.mark.requirement("1.2")
def test_every_documented_stage_is_read(value):
    assert int(parse_stage(value, slot_id="r0c0", environment=0)) == value


@pytest.mark.parametrize("value", [5, -1, 11, 999])
@pytest.mark.requirement("1.2")
def test_an_unknown_stage_is_refused_and_names_slot_and_environment(value):
    with pytest.raises(StageError, match=f"slot r1c2 in environment 3 .*got {value}$"):
        parse_stage(value, slot_id="r1c2", environment=3)


@pytest.mark.requirement("4.1")
def test_the_transition_table_is_the_documented_one():
    table = {stage.name: " ".join(s.name for s in after) for stage, after in TRANSITIONS.items()}
    assert table == REGULAR


@pytest.mark.parametrize("stage", list(SeedStage), ids=lambda stage: stage.name)
@pytest.mark.requirement("4.1")
def test_from_every_stage_an_empty_slot_or_a_fossil_is_reached(stage):
    ends = {SeedStage.FOSSILIZED, SeedStage.DORMANT}
    assert ({stage} | reachable(stage)) & ends


@pytest.mark.parametrize("stage", sorted(COOLDOWN_STAGES), ids=lambda stage: stage.name)
def test_a_cooldown_leads_to_an_empty_slot_and_nowhere_else(stage):
    assert len(TRANSITIONS[stage]) == 1
    assert SeedStage.DORMANT in reachable(stage)


def test_stage_sets_do_not_overlap():
    assert not LIVE_STAGES & COOLDOWN_STAGES
    assert not set(ADVANCE_GATES) & (COOLDOWN_STAGES | {SeedStage.FOSSILIZED, SeedStage.HOLDING})


@pytest.mark.requirement("0.5")
def test_a_pruned_seed_comes_from_every_stage_before_commitment_and_from_no_other():
    prunable = {stage.name for stage, after in TRANSITIONS.items() if SeedStage.PRUNED in after}
    assert prunable == {"GERMINATED", "TRAINING", "BLENDING", "HOLDING"}


@pytest.mark.parametrize("name", [item.name for item in fields(LifecycleConfig)])
def test_a_negative_threshold_is_refused(name):
    with pytest.raises(ConfigError, match=f"{name} must be at least 0, got -1"):
        LifecycleConfig(**{name: -1})


@pytest.mark.requirement("0.6", "0.7", "8.5")
def test_the_documented_defaults_hold():
    config = LifecycleConfig()
    assert (config.incubate, config.ramp) == (False, True)
    assert config.min_prune_age_epochs == 2
    assert config.embargo_epochs_after_prune == 5
    assert config.min_fossilize_contribution == config.contribution_errors == 1.0
    assert (config.min_training_epochs, config.min_blending_epochs) == (1, 1)
    assert (config.min_shadow_gain, config.min_gradient_health) == (0.0, 0.5)


INDICES = st.integers(0, 10**6)


@given(INDICES, INDICES)
def test_every_canonical_id_is_read_back(row, column):
    assert parse_slot_id(f"r{row}c{column}") == (row, column)


@pytest.mark.parametrize(
    "slot_id",
    [
        "",
        "r0",
        "c0r0",
        "r00c0",
        "r0c01",
        "r-1c0",
        "r+1c0",
        " r0c0",
        "r0c0 ",
        "r0c0\n",
        "R0C0",
        "r0c0c0",
        "r\u0661c0",
        "r\uff11c0",
        "r0c\u00b2",
    ],
)
def test_an_id_that_is_not_canonical_is_refused(slot_id):
    with pytest.raises(SlotIdError) as refusal:
        parse_slot_id(slot_id)
    assert str(refusal.value).endswith(f"got {slot_id!r}")


def test_ids_are_sorted_by_row_then_column_as_numbers():
    assert sort_slot_ids(["r10c0", "r2c0", "r0c10", "r0c9"]) == ("r0c9", "r0c10", "r2c0", "r10c0")


def test_a_duplicate_is_refused():
    with pytest.raises(SlotIdError, match="must be unique, got 'r0c1' twice"):
        sort_slot_ids(["r0c1", "r0c0", "r0c1"])


def test_no_slots_are_refused():
    with pytest.raises(SlotIdError, match="at least one slot, got none"):
        sort_slot_ids([])


def test_a_malformed_id_among_good_ones_is_refused():
    with pytest.raises(SlotIdError, match="got 'x'"):
        sort_slot_ids(["r0c0", "x"])
