"""Events of a decision: what they say in their plain form."""

from __future__ import annotations

from tamiyo.contracts import DecisionEvidence, LifecycleOp, RewardPaid, RewardParts, encode_event
from tests.support.events import build_evidence


def test_the_probabilities_of_a_decision_stand_under_the_names_of_heads_and_choices():
    plain = encode_event(build_evidence())
    assert plain["probabilities"] == {"OP": {"WAIT": 0.75, "GERMINATE": 0.25}}
    assert plain["moved"][0] == {"field": "control_accuracy", "before": 0.5, "after": 0.75}


def test_a_controller_that_expects_nothing_has_no_value_and_no_probabilities():
    plain = encode_event(DecisionEvidence(legal_ops=(LifecycleOp.WAIT,)))
    assert plain["value"] is None
    assert plain["probabilities"] == {}


def test_a_payment_is_written_part_by_part():
    parts = RewardParts(bounded_attribution=0.5, compute_rent=-0.25)
    plain = encode_event(RewardPaid(environment=0, epoch=9, parts=parts))
    assert sum(plain["parts"].values()) == parts.total == 0.25
