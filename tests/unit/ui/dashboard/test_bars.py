"""Bars and curves of a few characters."""

from __future__ import annotations

import math

import pytest
from rich.console import Console

from tamiyo.ui.dashboard.bars import draw_bar, draw_sparkline
from tamiyo.ui.terminal.symbols import choose_symbols

SYMBOLS = choose_symbols(Console())


@pytest.mark.parametrize(
    ("share", "bar"), [(0.0, "░░░░"), (0.5, "██░░"), (1.0, "████"), (7.0, "████"), (-1.0, "░░░░")]
)
def test_a_bar_is_filled_by_its_share(share, bar):
    assert draw_bar(share, 4, SYMBOLS) == bar


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ((), ""),
        ((1.0,), "▄"),
        ((2.0, 2.0), "▄▄"),
        ((0.0, 7.0), "▁█"),
        ((0.0, math.nan, 7.0), "▁ █"),
        ((math.inf,), ""),
    ],
)
def test_a_curve_goes_from_its_lowest_to_its_highest_value(values, line):
    assert draw_sparkline(values, 8, SYMBOLS) == line


def test_many_values_share_the_characters_there_are():
    assert draw_sparkline([float(i // 10) for i in range(80)], 8, SYMBOLS) == "▁▂▃▄▅▆▇█"
