"""The baseline controller."""

from __future__ import annotations

from hypothesis import given

from tamiyo.contracts import LifecycleOp
from tamiyo.controller import WaitOnly
from tests.support.reports import host_reports, training_signals


@given(training_signals(), host_reports())
def test_it_waits_whatever_happens(signals, host):
    assert WaitOnly().decide(signals, host).op == LifecycleOp.WAIT
