"""The grammar of slot ids and their order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import SlotIdError, parse_slot_id, sort_slot_ids

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
