"""Findings add up to a verdict."""

from __future__ import annotations

from tamiyo.checks.findings import CheckStatus, Finding, conclude, find_violations


def test_one_finding_that_does_not_hold_fails_and_is_told_alone():
    findings = [Finding(True, "3 of 3"), Finding(False, "2 of 3")]
    result = conclude("4.1", "cooldown", findings, reason="nothing")
    assert (result.status, result.observed) == (CheckStatus.FAIL, "2 of 3")


def test_findings_that_hold_are_all_told():
    result = conclude("4.1", "x", [Finding(True, "a"), Finding(True, "b")], reason="nothing")
    assert (result.status, result.observed) == (CheckStatus.PASS, "a; b")


def test_without_findings_a_requirement_does_not_apply():
    result = conclude("4.1", "x", [], reason="no seeds")
    assert (result.status, result.observed) == (CheckStatus.NOT_APPLICABLE, "no seeds")


def test_three_violations_are_told_and_the_rest_counted():
    assert find_violations([], "all 7 right") == Finding(True, "all 7 right")
    assert find_violations(["a", "b"], "") == Finding(False, "a; b")
    assert find_violations(list("abcde"), "") == Finding(False, "a; b; c and 2 more")
