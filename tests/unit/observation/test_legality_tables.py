"""Tables of legality: filled from its owner, one row for every combination of facts."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import (
    AlphaTarget,
    Blueprint,
    Head,
    LifecycleOp,
    SeedStage,
    Style,
    build_action_spec,
)
from tamiyo.observation.arrays import FREE
from tamiyo.observation.legality_tables import build_legality_tables, classify_seeds
from tests.support.observations import build_arrays

TABLES = build_legality_tables()


def ops(stage, *, steady=1, gate_passed=1, old_enough=1, offered=1):
    row = TABLES.ops[stage - FREE, steady, gate_passed, old_enough, offered]
    return {LifecycleOp(op).name for op in np.flatnonzero(row)}


def test_every_fact_about_a_slot_has_its_place():
    assert ops(FREE) == {"WAIT", "GERMINATE"}
    assert ops(FREE, offered=0) == {"WAIT"}
    assert ops(SeedStage.HOLDING) == {"WAIT", "FOSSILIZE", "SET_ALPHA_TARGET", "PRUNE"}
    assert ops(SeedStage.HOLDING, steady=0) == {"WAIT", "FOSSILIZE"}
    assert ops(SeedStage.HOLDING, gate_passed=0) == {"WAIT", "SET_ALPHA_TARGET", "PRUNE"}
    assert ops(SeedStage.BLENDING, old_enough=0) == {"WAIT", "ADVANCE", "SET_ALPHA_TARGET"}
    assert ops(SeedStage.EMBARGOED) == {"WAIT"}


def test_every_head_below_the_slot_has_a_table_without_the_slot_axis():
    spec = build_action_spec(("r0c0",))
    shapes = dict(zip(spec.names, spec.mask_shapes, strict=True))
    for head, table in TABLES.parameters.items():
        assert table.shape[1:] == (shapes[head][0], *shapes[head][2:])
        assert table.dtype == np.bool_
    assert set(TABLES.parameters) == set(Head) - {Head.OP, Head.SLOT}


def test_a_slot_that_offers_nothing_leaves_noop_to_the_other_ops():
    offered = TABLES.never_offered[0]
    assert not offered[LifecycleOp.GERMINATE].any()
    assert np.flatnonzero(offered[LifecycleOp.PRUNE]).tolist() == [Blueprint.NOOP]


def test_without_room_for_a_gate_only_a_seed_that_has_one_keeps_it():
    arrays = build_arrays(num_envs=1, slots=2)
    arrays.seeds.style[:] = [[Style.LINEAR_ADD, Style.GATED_GATE]]
    kinds = classify_seeds(arrays.seeds, np.ones((1, 2), dtype=bool))[0]
    styles = TABLES.gate_exceeds[kinds, LifecycleOp.SET_ALPHA_TARGET, Blueprint.NOOP]
    np.testing.assert_array_equal(styles, [[True, True, True, False], [True] * 4])


@pytest.mark.parametrize("target", list(AlphaTarget))
def test_seeds_are_told_apart_by_style_and_alpha_up_to_the_tolerance(target):
    arrays = build_arrays(num_envs=1, slots=4)
    near, far = 9e-7, 2e-6
    arrays.seeds.alpha[:] = target.alpha + np.array([0, near, -near, -far])
    kinds = classify_seeds(arrays.seeds, np.ones((1, 4), dtype=bool))[0]
    assert kinds[0] == kinds[1] == kinds[2] != kinds[3]
    arrays.seeds.style[:] = Style.LINEAR_MULTIPLY
    assert not set(kinds) & set(classify_seeds(arrays.seeds, np.ones((1, 4), dtype=bool))[0])


def test_slots_without_a_seed_are_one_class():
    arrays = build_arrays(num_envs=1, slots=3)
    kinds = classify_seeds(arrays.seeds, np.array([[False, True, False]]))[0]
    assert kinds[0] == kinds[2] == 0 != kinds[1]
