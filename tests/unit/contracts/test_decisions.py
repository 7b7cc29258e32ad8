"""Decision, action and command are three forms of one thing."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import (
    HEADS_USED_BY,
    AdaptationCommand,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    ConfigError,
    CurveChoice,
    Head,
    Initiator,
    LifecycleOp,
    SlotIdError,
    Style,
    TamiyoDecision,
    Tempo,
    build_action_spec,
)

SLOTS = ("r0c0", "r0c1", "r1c0")
ACTIONS = st.tuples(*(st.integers(0, size - 1) for size in build_action_spec(SLOTS).nvec))
GERMINATE = (LifecycleOp.GERMINATE, 1, Blueprint.NORM, Style.GATED_GATE, Tempo.SLOW, 0, 3, 2)


@given(ACTIONS)
@pytest.mark.requirement("8.4")
def test_an_action_comes_back_canonical_from_decision_and_command(action):
    decision = TamiyoDecision.from_action(action, SLOTS)
    back = decision.to_command().to_action(SLOTS)
    assert back == build_action_spec(SLOTS).canonicalize(action)
    assert TamiyoDecision.from_action(back, SLOTS) == decision


@given(ACTIONS)
@pytest.mark.requirement("8.4")
def test_a_command_carries_what_the_op_uses_and_nothing_else(action):
    command = TamiyoDecision.from_action(action, SLOTS).to_command()
    used = {"slot_id" if h == Head.SLOT else h.value for h in HEADS_USED_BY[command.op]}
    carried = {item.name for item in fields(command) if getattr(command, item.name) is not None}
    assert carried == used | {"reason", "initiator"}


def test_a_decision_is_read_head_by_head():
    decision = TamiyoDecision.from_action(GERMINATE, SLOTS, reason="plateau")
    assert decision == TamiyoDecision(
        op=LifecycleOp.GERMINATE,
        slot_id="r0c1",
        blueprint=Blueprint.NORM,
        style=Style.GATED_GATE,
        tempo=Tempo.SLOW,
        alpha_target=AlphaTarget.HALF,
        reason="plateau",
    )


def test_reason_and_initiator_go_along():
    command = TamiyoDecision.from_action(GERMINATE, SLOTS, reason="plateau").to_command()
    assert (command.reason, command.initiator) == ("plateau", Initiator.CONTROLLER)


def test_the_default_decision_is_to_wait_with_every_head_neutral():
    spec = build_action_spec(SLOTS)
    assert TamiyoDecision().to_command() == AdaptationCommand()
    assert AdaptationCommand().to_action(SLOTS) == tuple(head.neutral for head in spec.heads)


@pytest.mark.parametrize("op", [op for op in LifecycleOp if op != LifecycleOp.WAIT])
def test_a_used_field_that_is_not_given_means_the_neutral_choice(op):
    spec = build_action_spec(SLOTS)
    action = AdaptationCommand(op=op, slot_id="r0c0").to_action(SLOTS)
    assert action == (op, *(head.neutral for head in spec.heads[1:]))


@pytest.mark.parametrize("slot_id", ["r9c9", None])
def test_a_slot_that_does_not_exist_is_refused(slot_id):
    with pytest.raises(SlotIdError, match=f"one of r0c0, r0c1, r1c0, got {slot_id!r}"):
        AdaptationCommand(op=LifecycleOp.FOSSILIZE, slot_id=slot_id).to_action(SLOTS)


def test_an_action_that_does_not_fit_is_refused():
    with pytest.raises(ConfigError, match=r"op must be in \[0, 6\), got 9"):
        TamiyoDecision.from_action((9, 0, 0, 0, 0, 0, 0, 0), SLOTS)


def test_a_prune_keeps_speed_and_curve():
    decision = TamiyoDecision(
        op=LifecycleOp.PRUNE,
        slot_id="r1c0",
        alpha_speed=AlphaSpeed.MEDIUM,
        alpha_curve=CurveChoice.COSINE,
    )
    command = decision.to_command()
    assert (command.alpha_speed, command.alpha_curve) == (AlphaSpeed.MEDIUM, CurveChoice.COSINE)
