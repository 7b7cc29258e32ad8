"""PhaseClock: where the time of a round goes."""

from __future__ import annotations

import pytest

from tamiyo.learning import PhaseClock


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def clock(now):
    return PhaseClock(lambda: now[0])


def test_what_belongs_to_no_phase_is_other(clock, now):
    now[0] = 2.0
    with clock.phase("update"):
        now[0] = 5.0
    now[0] = 6.0
    assert clock.take() == {"other": 3.0, "update": 3.0}


def test_a_phase_inside_another_stops_the_outer_one(clock, now):
    with clock.phase("environment"):
        now[0] = 1.0
        with clock.phase("record"):
            now[0] = 1.5
        now[0] = 4.0
    assert clock.take() == {"other": 0.0, "environment": 3.5, "record": 0.5}


def test_taking_begins_anew_even_within_a_phase(clock, now):
    with clock.phase("update"):
        now[0] = 1.0
        assert clock.take()["update"] == 1.0
        now[0] = 3.0
    assert clock.take() == {"update": 2.0, "other": 0.0}


def test_a_phase_ends_with_an_error(clock, now):
    with pytest.raises(ValueError, match="x"), clock.phase("update"):
        raise ValueError("x")
    now[0] = 1.0
    assert clock.take()["other"] == 1.0
