"""What every controller owes: a name and decisions that would be executed."""

from __future__ import annotations

import pytest

from tamiyo.contracts import Blueprint, LifecycleOp, SeedStage, SlotIdError, TamiyoDecision
from tamiyo.controller import Heuristic, HeuristicConfig, RandomLegal, ScheduleController
from tamiyo.controller.protocol import Controller, is_legal
from tamiyo.controller.schedule import Schedule
from tamiyo.controller.wait import WaitOnly
from tests.support.reports import build_host_report, build_signals, build_slot_report


@pytest.mark.parametrize(
    ("controller", "name"),
    [
        (WaitOnly(), "wait-only"),
        (RandomLegal(0), "random-legal"),
        (Heuristic(HeuristicConfig()), "heuristic"),
        (ScheduleController(Schedule(), name="mine"), "mine"),
    ],
)
def test_every_controller_has_a_name_and_decides_with_a_reason(controller: Controller, name):
    host = build_host_report()
    decision = controller.decide(build_signals(), host)
    assert controller.name == name
    assert decision.reason
    assert is_legal(host, decision)


def test_germinating_in_a_free_slot_is_legal_and_in_a_full_one_not():
    decision = TamiyoDecision(
        op=LifecycleOp.GERMINATE, slot_id="r0c0", blueprint=Blueprint.CONV_LIGHT
    )
    full = build_host_report(build_slot_report("r0c0", SeedStage.TRAINING))
    assert is_legal(build_host_report(), decision)
    assert not is_legal(full, decision)


def test_a_slot_the_host_does_not_have_is_refused_by_name():
    decision = TamiyoDecision(op=LifecycleOp.PRUNE, slot_id="r9c9")
    with pytest.raises(SlotIdError, match="slot must be one of r0c0, got 'r9c9'"):
        is_legal(build_host_report(), decision)
