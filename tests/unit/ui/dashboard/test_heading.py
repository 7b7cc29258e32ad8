"""The head of the dashboard: condition, progress, alarms."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from tamiyo.telemetry import LiveAlarm
from tamiyo.ui.dashboard.heading import build_alarms, describe_condition, describe_progress
from tamiyo.ui.dashboard.view import View
from tamiyo.ui.terminal.symbols import choose_symbols
from tests.support.events import build_run
from tests.support.live import build_half_a_run, build_training, fold

VIEW = View(width=80, height=24, symbols=choose_symbols(Console()))


def test_a_run_is_running_until_it_is_finished():
    assert describe_condition(fold(build_half_a_run()))[0] == "running"
    assert describe_condition(fold(build_run()))[0] == "finished"


@pytest.mark.parametrize(
    ("seconds", "words"), [(12.0, "12 s left"), (125.0, "2 min left"), (9_000.0, "2.5 h left")]
)
def test_the_time_left_is_written_as_people_say_it(seconds, words):
    state = fold(build_training())
    assert state.rates is not None
    state = replace(state, rates=replace(state.rates, seconds_left=seconds))
    assert describe_progress(state).endswith(words)


def test_an_interrupted_training_has_no_time_left():
    state = replace(fold(build_training()), is_interrupted=True)
    assert "left" not in describe_progress(state)


def test_the_newest_alarms_stand_first_and_the_others_are_counted():
    alarms = tuple(LiveAlarm(kind="x", message=f"number {n}", place=n) for n in range(5))
    state = replace(fold(build_training()), alarms=alarms, alarm_count=9)
    lines = [line.plain for line in build_alarms(state, VIEW, most=2)]
    assert lines == ["alarm step 4: number 4", "alarm step 3: number 3", "and 7 alarms before"]
