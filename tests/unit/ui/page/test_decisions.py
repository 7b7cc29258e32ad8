"""Decisions in words and tables."""

from __future__ import annotations

from tamiyo.telemetry import StoryDecision
from tamiyo.ui.page.decisions import (
    count_ops,
    describe_decision,
    group_waits,
    write_action_mix,
    write_decisions,
    write_table,
)
from tests.support.stories import build_whole_run, tell


def decide(epoch, op="WAIT", **changes):
    plain = {
        "slot_id": None,
        "choices": (),
        "reason": "not yet",
        "refusal": None,
        "legal_ops": (),
        "probability": None,
        "value": None,
    }
    return StoryDecision(epoch=epoch, op=op, **{**plain, **changes})


def test_a_decision_is_told_with_all_that_is_known():
    told = describe_decision(
        decide(
            3,
            "GERMINATE",
            slot_id="r0c1",
            choices=("CONV_LIGHT", "FAST"),
            refusal="slot is taken",
            probability=0.25,
            value=-1.5,
        )
    )
    assert told == (
        "plant in r0c1 (conv light, fast); not yet; refused: slot is taken; probability of this op "
        "0.25; expected -1.5 points"
    )
    assert describe_decision(decide(1, reason="")) == "wait; no reason given"


def test_waiting_for_one_reason_is_one_group():
    decisions = [
        decide(1),
        decide(2),
        decide(3, reason="too late"),
        decide(4, "PRUNE"),
        decide(5),
        decide(6, refusal="no"),
    ]
    assert [(first, last) for first, last, _ in group_waits(decisions)] == [(1, 2), (3, 3), (5, 5)]


def test_too_many_reasons_are_not_told_apart():
    groups = group_waits([decide(epoch, reason=f"value {epoch}") for epoch in range(1, 1001)])
    assert [(first, last) for first, last, _ in groups] == [(1, 1000)]


def test_every_decision_and_reason_of_a_run_is_in_the_tables(tmp_path):
    host = tell(tmp_path, build_whole_run()).hosts[0]
    written = write_decisions(host)
    for decision in host.decisions:
        if decision.op != "WAIT":
            assert f'<tr><th scope="row">{decision.epoch}</th>' in written


def test_columns_that_nobody_knows_are_left_out(tmp_path):
    written = write_decisions(tell(tmp_path, build_whole_run()).hosts[0])
    assert "Reason" in written
    assert "Probability" not in written


def test_ops_are_counted_with_what_was_legal():
    decisions = [
        decide(1, legal_ops=("WAIT", "GERMINATE")),
        decide(2, "GERMINATE", legal_ops=("WAIT", "GERMINATE")),
        decide(3),
    ]
    chosen, legal = count_ops(decisions)
    assert (chosen, legal) == ({"WAIT": 2, "GERMINATE": 1}, {"WAIT": 2, "GERMINATE": 2})
    written = write_action_mix(chosen, legal)
    assert "<td>2</td><td>67%</td><td>100%</td>" in written
    assert "<td>1</td><td>33%</td><td>50%</td>" in written
    assert "unknown" in write_action_mix({"WAIT": 2}, {})
    assert "Nothing was decided" in write_action_mix({}, {})


def test_cells_are_escaped_and_rows_have_headings():
    written = write_table("A < B", ("Name", ""), [("<i>", "&")])
    assert '<th scope="row">&lt;i&gt;</th><td>&amp;</td>' in written
    assert "<caption>A &lt; B</caption>" in written
    assert '<td aria-hidden="true"></td>' in written
