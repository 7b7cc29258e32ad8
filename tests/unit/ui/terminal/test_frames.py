"""The frame of tables."""

from __future__ import annotations

import io

from rich.console import Console

from tamiyo.ui.terminal.frames import start_table


def test_numbers_stand_at_the_right_and_names_where_they_are_asked_to():
    table = start_table(("name", "left"), "score")
    table.add_row("ab", "7.5")
    out = io.StringIO()
    Console(file=out, width=40).print(table)
    head, rule, row = out.getvalue().splitlines()
    assert head.rstrip() == "name  score"
    assert set(rule.strip()) == {"─"}
    assert row.rstrip() == "ab      7.5"
