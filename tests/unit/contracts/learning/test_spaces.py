"""What a learner is told: factored actions with their masks, and where features lie."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import ActionSpec, ConfigError, HeadSpec, ObservationSpec, SlotBlock


def build_head(name="op", choices=("a", "b"), parents=(), neutral=0):
    return HeadSpec(name=name, choices=choices, parents=parents, neutral=neutral)


LEFT = build_head("left", ("x", "y", "z"), ("op",), neutral=2)
RIGHT = build_head("right", ("p", "q"), ("op", "left"))
SPEC = ActionSpec(
    heads=(build_head(), LEFT, RIGHT),
    used_when=(frozenset({"op"}), frozenset({"op", "left", "right"})),
)


def test_sizes_and_names_follow_the_heads():
    assert SPEC.nvec == (2, 3, 2)
    assert SPEC.names == ("op", "left", "right")


def test_a_mask_has_an_axis_for_each_parent_and_one_for_the_choices():
    assert SPEC.mask_shapes == ((2,), (2, 3), (2, 3, 2))
    assert SPEC.parent_positions == ((), (0,), (0, 1))


def test_masks_lie_one_behind_the_other_without_a_gap():
    assert SPEC.mask_size == 2 + 6 + 12
    assert SPEC.mask_slices == (slice(0, 2), slice(2, 8), slice(8, 20))
    sizes = [part.stop - part.start for part in SPEC.mask_slices]
    assert sizes == [int(np.prod(shape)) for shape in SPEC.mask_shapes]


def test_independent_heads_have_no_parents_and_are_always_used():
    spec = ActionSpec.independent((4, 2, 3))
    assert spec.nvec == (4, 2, 3)
    assert spec.mask_shapes == ((4,), (2,), (3,))
    assert spec.mask_size == 9
    assert spec.used_when == (frozenset(spec.names),) * 4
    assert spec.canonicalize((3, 1, 2)) == (3, 1, 2)


@pytest.mark.parametrize(("action", "canonical"), [((0, 0, 1), (0, 2, 0)), ((1, 0, 1), (1, 0, 1))])
def test_what_the_op_does_not_use_becomes_neutral(action, canonical):
    assert SPEC.canonicalize(action) == canonical


def test_an_action_of_the_wrong_length_is_refused():
    with pytest.raises(ConfigError, match="must have 3 indices, got 2"):
        SPEC.canonicalize((0, 0))


@pytest.mark.parametrize(
    ("action", "message"),
    [((2, 0, 0), r"op must be in \[0, 2\), got 2"), ((0, -1, 0), r"left .* \[0, 3\), got -1")],
)
def test_an_index_outside_its_head_is_refused(action, message):
    with pytest.raises(ConfigError, match=message):
        SPEC.canonicalize(action)


def test_a_neutral_choice_outside_its_head_is_refused():
    with pytest.raises(ConfigError, match=r"neutral of tempo must be in \[0, 2\), got 2"):
        build_head(name="tempo", neutral=2)


def test_a_table_with_a_missing_row_is_refused():
    with pytest.raises(ConfigError, match="used_when must have 2 rows, got 1"):
        ActionSpec(heads=(build_head(),), used_when=(frozenset(),))


def test_a_parent_behind_its_child_is_refused():
    heads = (build_head(), build_head(name="child", parents=("late",)), build_head(name="late"))
    with pytest.raises(ConfigError, match=r"parents of child must come before it, got .*late"):
        ActionSpec(heads=heads, used_when=(frozenset(), frozenset()))


def test_features_of_a_slot_are_gathered_block_by_block():
    blocks = (SlotBlock(offset=1, size=2), SlotBlock(offset=6, size=1))
    spec = ObservationSpec(size=9, slots=2, slot_blocks=blocks)
    assert spec.slot_indices == ((1, 2, 6), (3, 4, 7))
    assert spec.base_indices == (0, 5, 8)


def test_without_slots_every_feature_belongs_to_the_environment():
    spec = ObservationSpec(size=3)
    assert spec.slot_indices == ()
    assert spec.base_indices == (0, 1, 2)
    assert (spec.slot_head, spec.version) == (None, "flat")


def test_an_observation_of_nothing_is_refused():
    with pytest.raises(ConfigError, match="size must be at least 1, got 0"):
        ObservationSpec(size=0)


@pytest.mark.parametrize(
    "blocks",
    [
        (SlotBlock(offset=2, size=2),),
        (SlotBlock(offset=-1, size=1),),
        (SlotBlock(offset=0, size=2), SlotBlock(offset=3, size=1)),
    ],
    ids=["beyond the end", "before the beginning", "overlapping"],
)
def test_blocks_that_do_not_fit_are_refused(blocks):
    with pytest.raises(ConfigError, match=r"apart and within the 5 features for 2 slots, got \("):
        ObservationSpec(size=5, slots=2, slot_blocks=blocks)
