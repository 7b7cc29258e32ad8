"""The lines of learning."""

from __future__ import annotations

import pytest
from rich.console import Console

from tamiyo.ui.dashboard.learning import build_learning, write_number
from tamiyo.ui.dashboard.view import View
from tamiyo.ui.terminal.symbols import choose_symbols
from tests.support.live import build_training, fold


@pytest.mark.parametrize(("value", "text"), [(None, "?"), (0.0, "0"), (1234.5, "1.23e+03")])
def test_numbers_are_short_and_what_is_unknown_says_so(value, text):
    assert write_number(value) == text


def test_figures_go_on_in_a_further_line_where_one_is_too_short():
    learning = fold(build_training()).learning
    assert learning is not None
    symbols = choose_symbols(Console())
    wide, narrow = (
        list(build_learning(learning, View(width=width, height=24, symbols=symbols)))
        for width in (200, 70)
    )
    assert len(narrow) > len(wide)
    assert "learning rate" in narrow[-1].plain
