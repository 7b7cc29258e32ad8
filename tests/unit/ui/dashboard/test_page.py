"""The dashboard as a terminal shows it."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tamiyo.contracts import TrainingFinished
from tamiyo.telemetry import LiveFold
from tamiyo.ui.dashboard.page import build_page, describe_state
from tamiyo.ui.dashboard.view import View
from tamiyo.ui.terminal.symbols import choose_symbols
from tests.support.events import build_run
from tests.support.live import build_half_a_run, build_training, fold

VIEW = View(width=80, height=24, symbols=choose_symbols(Console()))
KEYS = "left/right or 1-9 environment   space pause   q quit"

RUN = """\
heuristic on digits-cnn, seed 7                                          running
█████████████░░░░░░░░░░░░░ 30 of 60 epochs (50%)
no alarms

host  digits-cnn, epoch 30 of 60
  accuracy 84.5 % ▁▂▃▃▄▅▅▆▆▆▇▇▇▇▇███████████  parameters 8,730 (+6.0 %)
  slot  stage   blueprint   alpha          age  contribution  parameters
  r0c0  free
  r0c1  FOSSIL  conv_light  ████████ 1.00  23   +4.3 ± 0.7    320
  r0c2  TRAIN   depthwise   ░░░░░░░░ 0.00  5    not measured  176
  decisions, the newest first
  epoch  27  ADVANCE r0c2
  epoch  26  GERMINATE r0c2 depthwise  plateau for 3 epochs
  epoch  22  FOSSILIZE r0c1
  epoch  20  PRUNE r0c0
  epoch  18  ADVANCE r0c1
  epoch  15  ADVANCE r0c0
  epoch  13  ADVANCE r0c1
  epoch  12  GERMINATE r0c0 norm  plateau for 3 epochs
  epoch   9  ADVANCE r0c1
  epoch   8  GERMINATE r0c1 conv_light  plateau for 3 epochs
"""

TRAINING = """\
training on tamiyo/Surrogate-v0, seed 0, 64 environments                 running
█░░░░░░░░░░░░░░░░░░░░░░░░░ 9,600 of 320k steps (3%), 26 min left
200.0 steps/s   time: train 75%  policy 12%  other 12%
alarm step 9,600: ratio rose to 7.1, above 5

learning  6 updates
  return per episode                 +1.5  ▁▂▄▅▇█
  explained variance                 +0.6  ▄▄▄▄▄▄
  divergence of the policy          +0.01  ▄▄▄▄▄▄
  entropy, 1 undecided      op 0.8  blueprint ?
"""


def lines_of(page):
    return page.plain.split("\n")


def test_a_run_looks_like_this():
    lines = lines_of(build_page(fold(build_half_a_run()), VIEW))
    assert "\n".join(lines[:21]) + "\n" == RUN
    assert lines[-1] == KEYS


def test_a_training_looks_like_this():
    page = build_page(fold(build_training()), VIEW)
    assert "\n".join(lines_of(page)[:10]) + "\n" == TRAINING


@pytest.mark.parametrize("events", [build_run(), build_training(), build_training(environments=0)])
@pytest.mark.parametrize("size", [(80, 24), (140, 45), (40, 10), (20, 5), (300, 100), (1, 1)])
def test_every_size_is_filled_and_never_exceeded(events, size):
    width, height = size
    lines = lines_of(build_page(fold(events), replace(VIEW, width=width, height=height)))
    assert len(lines) == height
    assert max(map(len, lines)) <= width


def test_the_chosen_environment_comes_first():
    state = fold(build_training())
    first, second = (build_page(state, replace(VIEW, chosen=chosen)).plain for chosen in (0, 1))
    assert "environment 0 (1 of 2 recorded)" in first
    assert "environment 1 (2 of 2 recorded)" in second
    assert "environment 0 (" not in second


def test_there_is_room_for_both_on_a_large_terminal():
    page = build_page(fold(build_training()), replace(VIEW, width=140, height=60)).plain
    assert page.index("environment 0 (1 of 2") < page.index("environment 1 (2 of 2")


def test_a_choice_beyond_what_is_there_does_no_harm():
    assert "environment 0" in build_page(fold(build_training()), replace(VIEW, chosen=4)).plain


def test_what_the_log_lacks_stands_above():
    note = "3 damaged lines left out, the first is line 7"
    assert f"log {note}" in build_page(fold(build_run()), replace(VIEW, notes=(note,))).plain


def test_before_the_first_event_it_says_what_it_waits_for():
    lines = lines_of(build_page(LiveFold().freeze(), VIEW))
    assert lines[0].startswith("no run yet")
    assert lines[0].endswith("waiting for the first event")


def test_a_paused_picture_says_so():
    page = build_page(fold(build_half_a_run()), replace(VIEW, is_paused=True))
    assert lines_of(page)[0].endswith("paused")


def test_signs_are_ascii_where_the_terminal_has_no_others():
    symbols = choose_symbols(Console(file=io.TextIOWrapper(io.BytesIO(), encoding="ascii")))
    page = build_page(fold(build_training()), replace(VIEW, symbols=symbols, width=140, height=60))
    assert page.plain.isascii()


@pytest.mark.parametrize(
    ("events", "words"),
    [
        ([], "waiting for the first event"),
        (
            build_half_a_run(),
            "running; 30 of 60 epochs (50%); digits-cnn, epoch 30 of 60; r0c0 free; "
            "r0c1 fossilized; r0c2 training",
        ),
        (
            [*build_training(), TrainingFinished(updates=6, steps=9_600, interrupted=True)],
            "stopped before its end; 9,600 of 320k steps (3%); return per episode 1.5; "
            "explained variance 0.6; alarms: 1, the last: ratio rose to 7.1, above 5",
        ),
    ],
)
def test_a_line_says_the_same_in_words(events, words):
    assert describe_state(fold(events)) == words
