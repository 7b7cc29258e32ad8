from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import (
    AdaptationCommand,
    DecisionMade,
    EpochCompleted,
    GateEvaluated,
    GovernorRolledBack,
    Initiator,
    LifecycleOp,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    StageChanged,
    TamiyoInitiated,
)
from tamiyo.ui.terminal.notices import NoticeWriter
from tests.support.events import build_one_of_each

EVENTS = {type(event): event for event in build_one_of_each()}


def describe(event, *before):
    writer = NoticeWriter(plus_minus="±")
    for earlier in before:
        writer.describe(earlier)
    return writer.describe(event)


@pytest.mark.parametrize(
    ("kind", "sign", "text"),
    [
        (SeedGerminated, "+", "r0c1 germinated conv_light as sigmoid_add, 320 parameters"),
        (
            SeedFossilized,
            "*",
            "r0c1 fossilized conv_light at 1.00, contribution +4.8 ± 0.7 points",
        ),
        (GovernorRolledBack, "!", "rolled back to epoch 28: loss is not finite"),
        (TamiyoInitiated, "~", "training has stabilized"),
        (DecisionMade, "!", "refused: op must be one of WAIT here, got PRUNE"),
    ],
)
def test_a_lifecycle_event_is_told_in_one_line(kind, sign, text):
    notice = describe(EVENTS[kind], EVENTS[SeedGerminated])
    assert (notice.epoch, notice.sign, notice.text) == (EVENTS[kind].epoch, sign, text)


@pytest.mark.parametrize("kind", [EpochCompleted, GateEvaluated, StageChanged])
def test_other_events_are_worth_no_line(kind):
    assert describe(EVENTS[kind]) is None


def test_a_legal_decision_is_worth_no_line():
    assert describe(replace(EVENTS[DecisionMade], action_valid=True, refusal=None)) is None


def test_a_seed_whose_birth_was_not_seen_is_told_by_its_id():
    text = describe(EVENTS[SeedPruned]).text
    assert text == "r0c0 pruned r0c0-1-norm after 8 epochs: contribution below zero for 3 epochs"


def test_a_prune_by_another_than_the_controller_says_by_whom():
    event = replace(EVENTS[SeedPruned], initiator=Initiator.GOVERNOR, reason="")
    assert describe(event).text == "r0c0 pruned r0c0-1-norm after 8 epochs by governor"


def test_an_unmeasured_contribution_is_not_a_zero():
    text = describe(replace(EVENTS[SeedFossilized], contribution=None)).text
    assert text.endswith("at 1.00, contribution not measured")


def test_an_error_that_is_not_known_is_not_a_zero():
    event = EVENTS[SeedFossilized]
    event = replace(event, contribution=replace(event.contribution, points_error=None))
    assert describe(event).text.endswith("contribution +4.8 ± ? points")


def test_a_germination_without_details_is_told_without_them():
    command = AdaptationCommand(op=LifecycleOp.GERMINATE, slot_id="r0c1")
    text = describe(replace(EVENTS[SeedGerminated], command=command)).text
    assert text == "r0c1 germinated seed, 320 parameters"
