"""Evidence: what decisions of rule-based and of learned controllers were made from."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import (
    AdaptationCommand,
    DecisionEvidence,
    DecisionMade,
    LifecycleOp,
    TamiyoInitiated,
)
from tamiyo.recipes.evidence import EvidenceGatherer, EvidenceSink, scale_by
from tests.support.reports import build_host_report, build_signals
from tests.support.tasks import TINY, ListSink

EVIDENCE = DecisionEvidence(legal_ops=(LifecycleOp.WAIT,), value=1.0)


def decide(epoch=1):
    return DecisionMade(
        environment=0, epoch=epoch, command=AdaptationCommand(), action_valid=True, refusal=None
    )


def test_a_decision_is_told_with_its_evidence_and_the_next_one_without():
    told = ListSink()
    sink = EvidenceSink(told)
    sink.expect(EVIDENCE)
    sink.emit(TamiyoInitiated(environment=0, epoch=1))
    sink.emit(decide(1))
    sink.emit(decide(2))
    assert [event.evidence for event in told.of(DecisionMade)] == [EVIDENCE, None]
    assert told.events[0] == TamiyoInitiated(environment=0, epoch=1)


def test_a_rule_based_decision_has_legal_ops_and_what_moved_but_no_probabilities():
    host = build_host_report()
    gatherer = EvidenceGatherer(TINY, host.slot_ids)
    first = gatherer.gather(build_signals(epoch=1), host)
    second = gatherer.gather(build_signals(epoch=9), host)
    assert first.legal_ops[0] == LifecycleOp.WAIT
    assert first.moved == ()
    assert second.moved
    assert (second.probabilities, second.value) == ({}, None)


@pytest.mark.parametrize(("epoch", "steps", "batches"), [(0, 0, 1), (4, 20, 5)])
def test_a_task_that_does_not_say_is_scaled_by_the_batches_so_far(epoch, steps, batches):
    task = replace(TINY, batches_per_epoch=None)
    signals = build_signals(epoch=epoch, global_step=steps)
    assert scale_by(task, signals).batches_per_epoch == batches


def test_a_task_that_says_how_many_batches_an_epoch_has_stays_as_it_is():
    assert scale_by(TINY, build_signals(epoch=3, global_step=999)) is TINY
