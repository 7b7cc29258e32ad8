from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import EpochCompleted
from tamiyo.ui.terminal.rows import choose_layout
from tamiyo.ui.terminal.symbols import Symbols
from tests.support.events import build_run

SYMBOLS = Symbols(up="^", down="v", level="=", plus_minus="+-", arrow=">")
EPOCHS = {e.measured.epoch: e for e in build_run() if isinstance(e, EpochCompleted)}


def layout_for(width, slots):
    return choose_layout(slots, epochs=60, width=width, symbols=SYMBOLS)


def row_of(epoch, *, width=80, before=80.0, slots=None):
    event = EPOCHS[epoch]
    host = event.host if slots is None else replace(event.host, slots=slots)
    return layout_for(width, host.slots).build_row(event.measured, host, before).plain


@pytest.mark.parametrize(
    ("width", "cell"),
    [(80, "letter"), (98, "letter"), (99, "short"), (131, "short"), (132, "full")],
)
def test_a_wider_line_says_more_about_each_slot(width, cell):
    assert layout_for(width, EPOCHS[1].host.slots).cell == cell
    assert len(row_of(22, width=width)) <= width


def test_one_slot_is_told_in_full_at_80_columns():
    line = row_of(15, slots=EPOCHS[15].host.slots[1:2])
    assert line.endswith("  r0c1 conv_light BLEND 0.60")


def test_rows_stand_in_the_columns_of_the_header():
    layout = layout_for(80, EPOCHS[15].host.slots)
    header, row = layout.header.plain, row_of(15)
    assert row.index("r0c0") == header.index("slots")
    assert row.index("+4.3 %") + len("+4.3 %") == header.index("parameters") + len("parameters")


def test_slots_that_do_not_fit_go_on_below_the_first():
    slots = tuple(
        replace(EPOCHS[15].host.slots[1], slot_id=f"r{row}c{col}")
        for row in range(2)
        for col in range(4)
    )
    first, second, third = row_of(15, slots=slots).split("\n")
    assert max(len(first), len(second), len(third)) <= 80
    assert second.index("r0c3") == first.index("r0c0")
    assert third.split() == ["r1c2", "B.60", "r1c3", "B.60"]


@pytest.mark.parametrize(
    ("before", "change"), [(70.0, "^ 7.0"), (80.0, "v 3.0"), (76.96, "= 0.0"), (None, "     ")]
)
def test_the_change_of_accuracy_has_a_sign(before, change):
    measured = replace(EPOCHS[15].measured, control_accuracy=77.0)
    layout = layout_for(80, EPOCHS[15].host.slots)
    row = layout.build_row(measured, EPOCHS[15].host, before).plain
    assert row.startswith(f"15/60   77.0 % {change}   0.659")
