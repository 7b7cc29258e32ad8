from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import (
    ConfigError,
    EpochCompleted,
    GovernorRolledBack,
    Head,
    LifecycleOp,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    StageChanged,
)
from tamiyo.telemetry import explain_decision, find_course
from tests.support.events import build_run
from tests.support.explained import build_episodes, encode

RUN = find_course(encode(build_run()), epoch=1)
EPISODE = find_course(encode(build_episodes()), epoch=1)


def test_the_moment_of_a_decision_is_what_was_measured_before_it():
    told = explain_decision(RUN, epoch=9)
    assert (told.measured.epoch, told.host.epoch) == (8, 9)
    first = explain_decision(RUN, epoch=1)
    assert (first.measured.epoch, first.host.epoch) == (0, 1)
    assert first.measured.train_loss is None


def test_what_was_legal_is_said_for_each_slot():
    told = explain_decision(RUN, epoch=18)
    legal = {options.slot.slot_id: options.ops for options in told.slots}
    assert legal["r0c2"] == (LifecycleOp.GERMINATE,)
    assert LifecycleOp.PRUNE in legal["r0c1"]
    assert LifecycleOp.WAIT not in legal["r0c1"]


def test_what_could_be_planted_is_known_from_the_start_alone():
    events = tuple(
        replace(
            event,
            host=replace(
                event.host,
                slots=tuple(replace(slot, blueprint_parameters={}) for slot in event.host.slots),
            ),
        )
        if isinstance(event, EpochCompleted)
        else event
        for event in RUN.events
    )
    told = explain_decision(replace(RUN, events=events), epoch=18)
    assert told.slots == explain_decision(RUN, epoch=18).slots


def test_choices_are_ranked_by_their_probability():
    (choice,) = explain_decision(EPISODE, epoch=1).heads
    assert (choice.head, choice.chosen) == (Head.OP, "WAIT")
    assert choice.probabilities == (("WAIT", 0.75), ("GERMINATE", 0.25))


def test_every_head_that_the_op_uses_is_told():
    heads = explain_decision(RUN, epoch=8).heads
    assert [(choice.head, choice.chosen) for choice in heads] == [
        (Head.OP, "GERMINATE"),
        (Head.SLOT, "r0c1"),
        (Head.BLUEPRINT, "CONV_LIGHT"),
        (Head.STYLE, "SIGMOID_ADD"),
        (Head.TEMPO, "STANDARD"),
        (Head.ALPHA_TARGET, "FULL"),
    ]
    assert all(choice.probabilities == () for choice in heads)


def test_what_followed_is_about_the_seed_of_the_decision():
    told = explain_decision(RUN, epoch=8, after=6)
    assert told.seed_id == "r0c1-1-conv_light"
    assert [type(event) for event in told.followed] == [SeedGerminated, *[StageChanged] * 3]
    assert {event.seed_id for event in told.followed} == {told.seed_id}


def test_after_waiting_everything_that_followed_is_told():
    told = explain_decision(RUN, epoch=11, after=3)
    assert told.seed_id is None
    assert {event.seed_id for event in told.followed} == {"r0c0-1-norm", "r0c1-1-conv_light"}


def test_a_rollback_is_told_whatever_the_decision_was_about():
    told = explain_decision(RUN, epoch=36, after=1)
    assert [type(event) for event in told.followed] == [GovernorRolledBack]


def test_epochs_after_a_decision_are_measured_and_paid():
    told = explain_decision(EPISODE, epoch=8, after=3)
    assert [after.epoch for after in told.after] == [8, 9, 10]
    assert [after.op for after in told.after] == [
        LifecycleOp.GERMINATE,
        LifecycleOp.ADVANCE,
        LifecycleOp.WAIT,
    ]
    assert {after.reward for after in told.after} == {1.25}
    assert told.after[0].slot.slot_id == "r0c1"
    assert explain_decision(RUN, epoch=8).after[0].reward is None


def test_epochs_that_the_log_does_not_reach_are_unknown():
    course = find_course(encode(build_run(epochs=9, is_finished=False)), epoch=9)
    after = explain_decision(course, epoch=9, after=3).after
    assert [one.epoch for one in after] == [9, 10, 11]
    assert after[0].measured.epoch == 9
    assert (after[1].measured, after[1].op, after[1].parameters) == (None, None, None)


def test_no_epoch_after_the_last_is_told():
    assert [one.epoch for one in explain_decision(RUN, epoch=55, after=99).after] == [
        55,
        56,
        57,
        58,
        59,
        60,
    ]


@pytest.mark.parametrize(("epoch", "kind"), [(8, SeedFossilized), (12, SeedPruned)])
def test_the_fate_of_a_seed_is_told(epoch, kind):
    told = explain_decision(RUN, epoch=epoch)
    assert isinstance(told.fate, kind)
    assert told.fate.seed_id == told.seed_id


def test_a_fate_that_is_open_is_unknown():
    course = find_course(encode(build_run(epochs=14, is_finished=False)), epoch=8)
    assert explain_decision(course, epoch=8).fate is None
    assert explain_decision(RUN, epoch=11).fate is None


def test_an_epoch_without_a_decision_is_refused():
    with pytest.raises(ConfigError, match="from 1 to 55 here, got 56: the closing epochs"):
        explain_decision(RUN, epoch=56)
    with pytest.raises(ConfigError, match="after must be at least 1, got 0"):
        explain_decision(RUN, epoch=8, after=0)
