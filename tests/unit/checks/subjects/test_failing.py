"""What fails while evidence is gathered is noted; what is not ours is not held back."""

from __future__ import annotations

import pytest

from tamiyo.checks.requirements import REQUIREMENTS
from tamiyo.checks.subjects.failing import LEARNING, LIVING, Failures
from tamiyo.contracts import InvariantError


def test_an_error_of_ours_is_noted_with_what_it_was_for():
    failures = Failures()
    with failures.noting("learning", ("5.1", "5.2")):
        message = "a must be b, got c"
        raise InvariantError(message)
    assert failures.noted == [(("5.1", "5.2"), "learning stopped: a must be b, got c")]


def test_another_error_goes_on():
    with pytest.raises(ZeroDivisionError), Failures().noting("learning", ("5.1",)):
        _ = 1 / 0


def test_the_requirements_it_is_for_can_be_checked():
    checked = {requirement.id for requirement in REQUIREMENTS if requirement.check}
    assert set(LIVING) | set(LEARNING) <= checked
