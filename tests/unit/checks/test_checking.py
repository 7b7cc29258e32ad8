"""From evidence to verdicts: every requirement gets one, whatever happened on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.checks import CheckStatus, checking
from tamiyo.checks.requirements import REQUIREMENTS
from tamiyo.contracts import ArtifactError, ConfigError, InvariantError
from tests.support.evidence import observe_hosts

CHECKED = [requirement.id for requirement in REQUIREMENTS if requirement.check is not None]


def test_every_requirement_gets_a_verdict_in_order():
    results = checking._judge(replace(observe_hosts(), lacking="no learner"))
    assert [result.id for result in results] == CHECKED
    by_status = {status: [r.id for r in results if r.status == status] for status in CheckStatus}
    assert by_status[CheckStatus.FAIL] == []
    assert {"2.2", "3.2", "5.1", "6.1"} <= set(by_status[CheckStatus.NOT_APPLICABLE])
    assert {r.observed for r in results if r.status == CheckStatus.NOT_APPLICABLE} == {"no learner"}


def test_what_failed_on_the_way_fails_the_requirements_it_was_for():
    evidence = replace(observe_hosts(), failures=((("5.1", "5.2"), "learning stopped: oh"),))
    failed = [r for r in checking._judge(evidence) if r.status == CheckStatus.FAIL]
    assert [(r.id, r.observed) for r in failed] == [
        ("5.1", "learning stopped: oh"),
        ("5.2", "learning stopped: oh"),
    ]


def test_a_check_that_meets_a_broken_promise_fails(monkeypatch):
    def check(_evidence):
        message = "a must be b, got c"
        raise InvariantError(message)

    broken = replace(REQUIREMENTS[-1], check=check)
    monkeypatch.setattr(checking, "REQUIREMENTS", (broken,))
    (result,) = checking._judge(observe_hosts())
    assert result.status == CheckStatus.FAIL
    assert result.observed == "could not be looked at: a must be b, got c"


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"task must be one of .* got 'nothing'"):
        checking.check_task("nothing")
    with pytest.raises(ArtifactError, match=r"run folder must hold the config\.json of a run"):
        checking.check_run(tmp_path)
