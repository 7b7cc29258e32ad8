from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import ACCURACY, MetricScale
from tamiyo.ui import MetricView
from tests.support.events import BITS

F1 = MetricScale(name="F1", best=1.0, worst=0.0)
PSNR = MetricScale(name="PSNR", best=40.0, worst=10.0)


@pytest.mark.parametrize(
    ("scale", "points", "text"),
    [
        (ACCURACY, 62.44, "62.4 %"),
        (F1, 62.44, "62.4 %"),
        (BITS, 75.0, "2.000"),
        (BITS, -25.0, "10.000"),
        (PSNR, 50.0, "25.000"),
    ],
)
def test_shares_are_written_in_percent_and_others_in_their_own_unit(scale, points, text):
    assert MetricView(scale).write(points) == text


@given(st.floats(-300, 100))
def test_points_are_what_they_were_after_a_way_through_the_shown_value(points):
    assert BITS.to_points(MetricView(BITS).show(points)) == pytest.approx(points, abs=1e-9)


@pytest.mark.parametrize(
    ("scale", "points", "text"),
    [(ACCURACY, -7.66, "7.7"), (BITS, -1.0, "0.080"), (BITS, 0.0, "0.000")],
)
def test_a_change_is_written_without_its_sign(scale, points, text):
    assert MetricView(scale).write_change(points) == text


def test_a_result_is_that_of_the_test_split_if_there_is_one():
    view = MetricView(ACCURACY)
    assert view.write_result(62.4, 71.0) == "test accuracy 62.4 %"
    assert view.write_result(None, 71.0) == "control accuracy 71.0 %"


@pytest.mark.parametrize(
    ("scale", "introduction", "label", "point"),
    [
        (ACCURACY, "", "accuracy (%)", ""),
        (F1, "; F1, higher is better", "F1 (%)", ""),
        (
            BITS,
            "; bits per byte, lower is better",
            "bits per byte (lower is better)",
            "a point is 0.08 in bits per byte: 0 is worth 100 points, 8 none",
        ),
        (
            PSNR,
            "; PSNR, higher is better",
            "PSNR (higher is better)",
            "a point is 0.3 in PSNR: 40 is worth 100 points, 10 none",
        ),
    ],
    ids=["accuracy", "F1", "bits", "PSNR"],
)
def test_a_metric_says_of_itself_what_does_not_go_without_saying(scale, introduction, label, point):
    view = MetricView(scale)
    assert (view.introduction, view.label, view.point) == (introduction, label, point)


@given(st.floats(1e-3, 1e5), st.floats(0, 100))
def test_a_column_is_wide_enough_for_every_value_between_its_ends(worst, points):
    view = MetricView(MetricScale(name="loss", best=0.0, worst=worst))
    value, change = view.widths
    assert len(view.write(points)) <= value
    assert len(view.write_change(points)) <= change
