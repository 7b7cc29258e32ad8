from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tamiyo.contracts import TamiyoInitiated, TrainingFinished, TrainingStarted, UpdateCompleted
from tamiyo.ui import TrainingSink
from tests.support.updates import build_update

START = TrainingStarted(
    env_id="tamiyo/Surrogate-v0",
    seed=3,
    config_hash="0123456789abcdef",
    num_envs=64,
    total_steps=32_000,
    steps=0,
    parameters=51_000,
)


def show(*events, is_terminal=False):
    file = io.StringIO()
    console = Console(file=file, width=100, color_system=None, force_terminal=is_terminal)
    with TrainingSink(console) as sink:
        for event in events:
            sink.emit(event)
    return file.getvalue()


def update(steps, *, episode_return=1.0, episodes=64, **changes):
    report = build_update(steps=steps, **changes)
    rollout = replace(report.rollout, episode_return=episode_return, episodes=episodes)
    return UpdateCompleted(report=replace(report, rollout=rollout))


def test_it_begins_with_what_is_trained_where():
    first = show(START).splitlines()[0]
    assert first.startswith("tamiyo/Surrogate-v0, seed 3: 32,000 steps in 64 environments;")
    assert first.endswith("a controller of 51,000 parameters")


def test_a_resumed_training_says_where_it_goes_on():
    assert "goes on after 1,600 steps" in show(replace(START, steps=1600))


def test_a_twentieth_of_the_way_is_a_line_with_the_mean_over_its_episodes():
    shown = show(START, update(800, episode_return=1.0, episodes=1), update(1600, episodes=3))
    assert len(shown.splitlines()) == 3
    shown = show(
        START,
        update(800, episode_return=1.0, episodes=1),
        update(1600, episode_return=3.0, episodes=3),
    )
    assert shown.splitlines()[-1].split() == [
        "1,600",
        "2.50",
        "25.0",
        "0.60",
        "0.010",
        "10",
        "%",
        "0.80",
    ]


def test_what_is_unknown_is_no_number():
    line = show(START, update(1600, episode_return=None, episodes=0)).splitlines()[-1]
    assert line.split()[1] == "-"


def test_alarms_are_told_at_once():
    shown = show(START, update(400, alarms=("entropy of op must stay above 0.1, got 0.05",)))
    assert "! entropy of op must stay above 0.1, got 0.05" in shown


def test_an_alarm_is_told_once_and_counted_at_the_end():
    texts = ["entropy of op was 0.05, below 0.1", "entropy of op was 0.04, below 0.1"]
    events = [update(400, alarms=(texts[0],)), update(800), update(1200, alarms=(texts[1],))]
    assert show(START, *events).count("!") == 1
    finish = TrainingFinished(updates=3, steps=1200, interrupted=False)
    last = show(START, *events, finish).splitlines()[-2]
    assert last == f"  ! in 2 of 3 updates, last: {texts[1]}"


def test_the_end_says_how_far_it_came():
    finish = TrainingFinished(updates=20, steps=32_000, interrupted=False)
    assert show(START, finish).splitlines()[-1] == "finished after 32,000 steps, 20 updates"
    stopped = show(START, replace(finish, interrupted=True))
    assert stopped.splitlines()[-1].startswith("stopped after")


def test_events_of_a_single_network_are_passed_over():
    assert show(TamiyoInitiated(environment=0, epoch=6)) == ""


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_wait_is_told_until_the_training_begins(is_terminal):
    file = io.StringIO()
    console = Console(file=file, width=100, color_system=None, force_terminal=is_terminal)
    with TrainingSink(console) as sink:
        sink.show_wait("getting ready ...")
        sink.emit(START)
        before = file.getvalue()
    assert "getting ready" in before
    assert before.index("getting ready") < before.index("tamiyo/Surrogate-v0, seed 3")


def test_a_terminal_gets_a_bar_that_goes_away():
    shown = show(START, update(1600), is_terminal=True)
    assert "%" in shown
    assert "eta" in shown


def test_the_bar_moves_within_a_rollout():
    file = io.StringIO()
    console = Console(file=file, width=100, color_system=None, force_terminal=True)
    with TrainingSink(console) as sink:
        sink.show_steps(8_000)  # there is no bar yet
        sink.emit(START)
        sink.show_steps(8_000)
        sink._bar.refresh()
    assert " 25 %" in file.getvalue()
