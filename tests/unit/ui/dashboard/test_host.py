"""One host in the dashboard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.telemetry import LiveDecision, LiveEpisodeEnd
from tamiyo.ui.dashboard.host import build_decisions, describe_end, describe_host
from tests.support.live import build_half_a_run, fold

HOST = fold(build_half_a_run()).environments[0]
END = LiveEpisodeEnd(episode=0, score=81.25, host_score=79.5, parameters=320, diverged=False)
DECISION = LiveDecision(
    epoch=9,
    op="PRUNE",
    slot_id="r0c0",
    blueprint=None,
    reason="",
    refusal="op must be one of WAIT here, got PRUNE",
    probability=0.25,
)


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (None, ""),
        (END, "score 81.25, +1.75 beyond the host alone, 320 parameters"),
        (replace(END, host_score=None, diverged=True), "score 81.25, 320 parameters, diverged"),
        (replace(END, score=None), "no score, 320 parameters"),
    ],
)
def test_an_end_says_what_is_known_of_it(end, words):
    assert describe_end(replace(HOST, end=end)) == words


def test_rewards_and_rollbacks_are_told_where_there_are_any():
    words = describe_host(replace(HOST, reward=-0.5, rollbacks=2), is_training=True)
    assert words == "digits-cnn, episode 0, epoch 30 of 60, reward -0.50, rollbacks: 2"


def test_a_refused_decision_says_why_and_how_probable_it_was():
    host = replace(HOST, decisions=(DECISION,))
    _, line = build_decisions(host, most=5)
    assert line.plain == (
        "  epoch   9  PRUNE r0c0  25% probable  refused: op must be one of WAIT here, got PRUNE"
    )


def test_no_more_decisions_are_shown_than_there_is_room_for():
    host = replace(HOST, decisions=(DECISION,) * 5)
    lengths = [len(list(build_decisions(host, most=most))) for most in (0, 1, 2, 4, 9)]
    assert lengths == [0, 0, 2, 4, 6]
