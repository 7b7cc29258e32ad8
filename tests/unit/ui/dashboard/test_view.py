"""View: what a key changes."""

from __future__ import annotations

import pytest
from rich.console import Console

from tamiyo.ui.dashboard.view import Key, View
from tamiyo.ui.terminal.symbols import choose_symbols

VIEW = View(width=80, height=24, symbols=choose_symbols(Console()))


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [([Key.NEXT], 1), ([Key.PREVIOUS], 2), ([Key.NEXT] * 3, 0), ([3], 2), ([4], 0), ([0], 0)],
)
def test_keys_walk_through_three_environments(keys, chosen):
    view = VIEW
    for key in keys:
        view = view.press(key, 3)
    assert view.chosen == chosen


def test_there_is_nothing_to_choose_without_environments():
    assert VIEW.press(Key.NEXT, 0) == VIEW
    assert VIEW.press(1, 0) == VIEW


def test_space_pauses_and_goes_on_and_q_ends():
    paused = VIEW.press(Key.PAUSE, 0)
    assert paused.is_paused
    assert not paused.press(Key.PAUSE, 0).is_paused
    assert VIEW.press(Key.QUIT, 0).is_asked_to_end
