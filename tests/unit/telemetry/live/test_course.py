"""Course: few points stand for many, and the last one is always there."""

from __future__ import annotations

import pytest

from tamiyo.telemetry.live.course import Course


@pytest.mark.parametrize("count", [1, 2, 199, 200, 201, 399, 400, 1_000, 12_345])
def test_few_points_evenly_spread_stand_for_many(count):
    course = Course("loss")
    for place in range(count):
        course.add(place, place / 2)
    curve = course.freeze()
    assert len(curve.places) <= min(count, 200)
    assert curve.places[0] == 0
    assert curve.places[-1] == count - 1
    assert curve.values == tuple(place / 2 for place in curve.places)
    steps = {b - a for a, b in zip(curve.places[:-1], curve.places[1:-1], strict=False)}
    assert len(steps) <= 1


def test_every_point_is_kept_while_they_are_few():
    course = Course("loss", "nats")
    for place in (3, 5, 9):
        course.add(place, 1.0)
    assert course.freeze().places == (3, 5, 9)
    assert course.freeze().unit == "nats"


def test_a_course_without_points_is_an_empty_curve():
    assert Course("loss").freeze().places == ()
