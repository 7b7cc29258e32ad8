from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from tamiyo.contracts import ACCURACY, EpochCompleted, MetricScale
from tamiyo.ui.terminal.rows import choose_layout
from tamiyo.ui.terminal.symbols import choose_symbols
from tests.support.events import BITS, build_run

SYMBOLS = replace(
    choose_symbols(Console()), up="^", down="v", level="=", plus_minus="+-", arrow=">"
)
START = build_run()[0]
EPOCHS = {e.measured.epoch: e for e in build_run() if isinstance(e, EpochCompleted)}


def layout_for(width, slots, *, metric=ACCURACY, initial_loss=2.3):
    start = replace(
        START,
        metric=metric,
        host=replace(START.host, slots=slots),
        initial=replace(START.initial, control_loss=initial_loss),
    )
    return choose_layout(start, width=width, symbols=SYMBOLS)


def row_of(epoch, *, width=80, before=80.0, slots=None):
    event = EPOCHS[epoch]
    host = event.host if slots is None else replace(event.host, slots=slots)
    return layout_for(width, host.slots).build_row(event.measured, host, before).plain


def measure(metric, value, before, **options):
    """The row of a value of a metric, and the style of its change."""
    layout = layout_for(80, EPOCHS[15].host.slots, metric=metric, **options)
    measured = replace(EPOCHS[15].measured, control_accuracy=metric.to_points(value))
    row = layout.build_row(measured, EPOCHS[15].host, metric.to_points(before))
    return row.plain, row.spans[1].style


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


@pytest.mark.parametrize(
    ("value", "before", "shown", "style"),
    [
        (2.313, 2.4, "2.313 v0.087", "green"),
        (2.4, 2.313, "2.400 ^0.087", "red"),
        (2.313, 2.3133, "2.313 =0.000", "dim"),
    ],
)
def test_the_arrow_shows_where_a_value_went_and_the_color_whether_that_is_better(
    value, before, shown, style
):
    row, colored = measure(BITS, value, before)
    assert (row[:19], colored) == (f"15/60  {shown}", style)


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (BITS, 2.313),
        (MetricScale(name="mse", best=0.0, worst=0.0339), 0.0123),
        (MetricScale(name="a_metric_with_a_very_long_name", best=1.0, worst=0.0), 0.62),
        (MetricScale(name="loss", best=0.0, worst=12_345.6), 802.0),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_any_metric_stands_in_a_column_of_its_own_name(metric, value):
    layout = layout_for(80, EPOCHS[15].host.slots, metric=metric)
    row, _ = measure(metric, value, metric.worst)
    header = layout.header.plain
    assert header[7 : 7 + layout.metric_width].rstrip() == metric.name[:16]
    assert row.index("r0c0") == header.index("slots")


def test_a_small_loss_is_written_with_the_digits_it_needs():
    row, _ = measure(ACCURACY, 0.77, 0.7, initial_loss=0.031)
    assert "  0.65938  " in row
