from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaSpeed,
    Blueprint,
    DecisionMade,
    Head,
    LifecycleOp,
)
from tamiyo.telemetry import find_course
from tamiyo.ui import render_decisions
from tamiyo.ui.explaining.decisions import describe_command
from tests.support.events import build_evidence, build_run
from tests.support.explained import build_episodes, encode


def show(course, width=100):
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(render_decisions(course))
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines())


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (AdaptationCommand(), "WAIT: change nothing"),
        (AdaptationCommand(op=LifecycleOp.FOSSILIZE, slot_id="r0c0"), "FOSSILIZE in r0c0"),
        (
            AdaptationCommand(
                op=LifecycleOp.GERMINATE, slot_id="r0c0", blueprint=Blueprint.CONV_LIGHT
            ),
            "GERMINATE in r0c0: blueprint conv_light",
        ),
        (
            AdaptationCommand(op=LifecycleOp.PRUNE, slot_id="r0c0", alpha_speed=AlphaSpeed.INSTANT),
            "PRUNE in r0c0: alpha speed instant",
        ),
    ],
)
def test_a_command_is_told_in_words(command, text):
    assert describe_command(command) == text


def test_decisions_of_a_run_are_listed_without_waiting():
    page = show(find_course(encode(build_run(epochs=14, is_finished=False)), epoch=1))
    assert (
        page
        == """\
digits-cnn, heuristic, seed 7: 4 of 14 decisions were to change something
epoch  decided                    probability  expected  reason
──────────────────────────────────────────────────────────────────────────────
    8  GERMINATE r0c1 conv_light            -         -  plateau for 3 epochs
    9  ADVANCE r0c1                         -         -  none given
   12  GERMINATE r0c0 norm                  -         -  plateau for 3 epochs
   13  ADVANCE r0c1                         -         -  none given
probability: of the op among the legal ones; expected: points of reward, discounted"""
    )


def test_decisions_of_an_episode_tell_probability_and_value():
    page = show(find_course(encode(build_episodes()), epoch=1))
    assert "digits-cnn, seed 11, environment 0, episode 1: 16 of 55 decisions" in page
    assert "GERMINATE r0c1 conv_light       25.0 %     +1.25  plateau" in page
    assert "ADVANCE r0c1                         -     +1.25  none given" in page


def test_a_refused_decision_says_so():
    course = find_course(encode(build_run(epochs=9, is_finished=False)), epoch=1)
    evidence = replace(build_evidence(), probabilities={Head.OP: {"ADVANCE": 1.0}})
    events = tuple(
        replace(event, action_valid=False, refusal="too young", evidence=evidence)
        if isinstance(event, DecisionMade) and event.command.op == LifecycleOp.ADVANCE
        else event
        for event in course.events
    )
    assert "100.0 %     +1.25  refused: too young" in show(replace(course, events=events))
