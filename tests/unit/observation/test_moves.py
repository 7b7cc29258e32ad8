"""MoveTracker: the numbers of an observation that changed most."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import FieldMove
from tamiyo.observation import MoveTracker, build_layout

LAYOUT = build_layout(2)
KNOWN = np.zeros(LAYOUT.size, np.bool_)


def see(**values):
    seen = np.zeros(LAYOUT.size, np.float32)
    for place, value in values.items():
        seen[int(place.removeprefix("f"))] = value
    return seen


@pytest.fixture
def moves():
    return MoveTracker(LAYOUT, ("r0c0", "r1c2"))


def test_the_first_decision_has_nothing_to_compare_with(moves):
    assert moves.take(see(f0=1.0), KNOWN) == ()


def test_the_largest_changes_come_first_whatever_their_sign(moves):
    moves.take(see(), KNOWN)
    found = moves.take(see(f0=0.25, f1=-0.75, f2=0.5), KNOWN)
    assert [move.after for move in found] == [-0.75, 0.5, 0.25]
    assert found[0] == FieldMove(field=LAYOUT.fields[1].name, before=0.0, after=-0.75)


def test_at_most_five_are_told_and_of_equal_ones_the_first(moves):
    moves.take(see(), KNOWN)
    found = moves.take(see(**{f"f{place}": 0.5 for place in range(3, 12)}), KNOWN)
    assert [move.field for move in found] == [field.name for field in LAYOUT.fields[3:8]]


@pytest.mark.parametrize("unknown_first", [True, False])
def test_what_is_unknown_on_either_side_is_left_out(moves, unknown_first):
    unknown = KNOWN.copy()
    unknown[4] = True
    moves.take(see(), unknown if unknown_first else KNOWN)
    found = moves.take(see(f4=0.9, f5=0.1), KNOWN if unknown_first else unknown)
    assert [move.field for move in found] == [LAYOUT.fields[5].name]


def test_fields_of_slots_are_named_after_their_slot(moves):
    place = LAYOUT.spec.slot_blocks[0].offset + LAYOUT.spec.slot_blocks[0].size
    moves.take(see(), KNOWN)
    (move,) = moves.take(see(**{f"f{place}": 1.0}), KNOWN)
    assert LAYOUT.fields[place].name.startswith("slot1.")
    assert move.field == LAYOUT.fields[place].name.replace("slot1.", "r1c2.")


def test_forgetting_begins_anew(moves):
    moves.take(see(), KNOWN)
    moves.forget()
    assert moves.take(see(f0=1.0), KNOWN) == ()
