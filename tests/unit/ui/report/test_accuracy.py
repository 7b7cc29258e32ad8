from __future__ import annotations

from dataclasses import replace

import pytest
from matplotlib.figure import Figure

from tamiyo.contracts import MetricScale, encode_event
from tamiyo.telemetry import summarize_run
from tamiyo.ui.report.accuracy import draw_accuracy, draw_parameters
from tests.support.events import BITS, build_run, build_twin


@pytest.fixture
def axes():
    return Figure().add_subplot()


def summarize(**options):
    return summarize_run(encode_event(event) for event in build_run(**options))


@pytest.fixture(scope="module")
def summary():
    return summarize()


def positions(axes, marker):
    lines = [line for line in axes.get_lines() if line.get_marker() == marker]
    return [line.get_xdata()[0] for line in lines]


def test_markers_stand_where_the_decision_was_made(axes, summary):
    draw_accuracy(axes, summary)
    assert positions(axes, "^") == [7, 11, 25, 46]
    assert positions(axes, "s") == [21, 44]
    assert positions(axes, "X") == [19, 57]
    assert positions(axes, "v") == [36]


def test_markers_of_one_epoch_stand_on_top_of_each_other(axes, summary):
    twice = replace(summary, germinations=summary.germinations[:1] * 2)
    draw_accuracy(axes, twice)
    heights = [
        line.get_transform().transform((7, 57))[1]
        for line in axes.get_lines()
        if line.get_marker() == "^"
    ]
    assert heights[1] > heights[0]


def test_a_marker_without_a_measured_epoch_is_left_out(axes, summary):
    draw_accuracy(axes, replace(summary, course=summary.course[:20]))
    assert positions(axes, "^") == [7, 11]


def test_every_label_is_in_the_legend_once(axes, summary):
    draw_accuracy(axes, summary)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [
        "all seeds",
        "committed only",
        "test, final network",
        "seed germinated",
        "fossilized",
        "pruned",
        "rolled back",
        "closing epochs",
    ]


def test_the_first_rise_is_cut_off_and_said_in_words(axes, summary):
    draw_accuracy(axes, summary)
    assert axes.get_ylim()[0] > 40
    assert "from 10.2 %" in [text.get_text() for text in axes.texts]


def test_a_course_that_is_not_finite_still_has_an_axis(axes, summary):
    nan = replace(summary.initial, control_accuracy=float("nan"), committed_accuracy=float("nan"))
    draw_accuracy(axes, replace(summary, course=(nan,), outcome=None))
    assert axes.get_ylim() == (-12.0, 112.0)


def test_parameters_are_labeled_with_host_and_final_network(axes, summary):
    draw_parameters(axes, summary)
    assert [text.get_text() for text in axes.texts] == ["host", "final 8,730"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["8,234", "9,142"]


def test_a_network_that_did_not_grow_has_one_label(axes, summary):
    draw_parameters(axes, replace(summary, course=summary.course[:1], outcome=None))
    assert [text.get_text() for text in axes.texts] == ["host"]


def test_the_host_alone_has_a_line_of_its_own(axes):
    events = [encode_event(event) for event in (*build_run(), build_twin())]
    draw_accuracy(axes, summarize_run(events))
    (line,) = [line for line in axes.get_lines() if line.get_label() == "host alone"]
    assert tuple(line.get_ydata()) == build_twin().control_accuracies
    assert list(line.get_xdata()) == list(range(61))


def test_without_a_twin_no_line_of_the_host_is_drawn(axes, summary):
    draw_accuracy(axes, summary)
    assert "host alone" not in [line.get_label() for line in axes.get_lines()]


def test_another_metric_has_an_axis_of_its_own_unit(axes):
    draw_accuracy(axes, summarize(metric=BITS))
    assert axes.get_ylabel() == "control bits per byte (lower is better)"
    low, high = axes.get_ylim()
    assert 0 < low < 0.927 < high < 7.184
    (test,) = [line for line in axes.get_lines() if line.get_label() == "test, final network"]
    assert test.get_ydata()[0] == pytest.approx(1.118, abs=0.001)


def test_the_first_fall_of_a_metric_is_said_above_the_axis(axes):
    draw_accuracy(axes, summarize(metric=BITS))
    (text,) = axes.texts
    assert (text.get_text(), text.get_position()[1] > 1) == ("from 7.184", True)


def test_another_share_is_drawn_in_percent(axes, summary):
    draw_accuracy(axes, replace(summary, metric=MetricScale(name="F1", best=1.0, worst=0.0)))
    assert axes.get_ylabel() == "control F1 (%)"
    assert axes.get_ylim()[1] > 80


def test_without_a_test_split_nothing_is_drawn_of_it(axes):
    draw_accuracy(axes, summarize(has_test=False))
    assert positions(axes, "D") == []
