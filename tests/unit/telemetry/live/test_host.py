"""HostFold: slots, decisions and the end of one environment."""

from __future__ import annotations

from dataclasses import replace

from tamiyo.contracts import (
    EpisodeFinished,
    EpisodeStarted,
    GovernorRolledBack,
    RewardPaid,
    RewardParts,
    encode_event,
)
from tamiyo.telemetry.live.host import HostFold
from tests.support.events import build_one_of_each, build_run, build_twin


def fold(events):
    first, *others = (encode_event(event) for event in events)
    host = HostFold(first)
    for event in others:
        host.take(event)
    return host.freeze()


def pick(kind):
    return next(event for event in build_one_of_each() if isinstance(event, kind))


def test_a_whole_run_ends_with_its_fossils_and_its_score():
    found = fold(build_run())
    assert (found.epoch, found.epochs, found.is_over) == (60, 60, True)
    assert [slot.stage for slot in found.slots] == ["EMBARGOED", "FOSSILIZED", "FOSSILIZED"]
    assert (found.slots[1].blueprint, found.slots[1].contribution) == ("CONV_LIGHT", 4.3)
    assert found.end is not None
    assert found.end.host_score is None
    assert len(found.curves[0].places) == 61


def test_a_slot_that_cools_down_has_a_stage_and_no_seed():
    cooling = fold(build_run()).slots[0]
    assert cooling.alpha is None
    assert cooling.parameters is None


def test_waiting_is_no_decision_to_show_unless_it_was_refused_something():
    decisions = fold(build_run()).decisions
    assert decisions
    assert all(one.op != "WAIT" for one in decisions)


def test_a_refused_decision_is_shown_with_its_probability():
    refused = next(event for event in build_one_of_each() if getattr(event, "refusal", None))
    start = pick(EpisodeStarted)
    (shown,) = fold([start, refused]).decisions
    assert shown.refusal == refused.refusal
    assert shown.probability == 0.75


def test_rewards_add_up_and_are_unknown_before_the_first():
    start = pick(EpisodeStarted)
    paid = RewardPaid(environment=0, epoch=1, parts=RewardParts(terminal=2.0, baseline=-0.5))
    assert fold([start]).reward is None
    assert fold([start, paid, paid]).reward == 3.0


def test_an_episode_ends_with_what_its_twin_scored():
    start, end = pick(EpisodeStarted), pick(EpisodeFinished)
    found = fold([start, end])
    assert found.end is not None
    assert (found.end.episode, found.end.score, found.end.host_score) == (3, 81.25, 79.5)
    assert not found.end.diverged


def test_a_twin_trained_afterwards_is_the_score_of_the_host_alone():
    found = fold([*build_run(), build_twin()])
    assert found.end is not None
    assert found.end.host_score == 79.5


def test_rollbacks_are_counted():
    back = pick(GovernorRolledBack)
    assert fold([pick(EpisodeStarted), back, replace(back, epoch=31)]).rollbacks == 2
