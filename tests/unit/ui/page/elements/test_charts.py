"""Line charts."""

from __future__ import annotations

import math
import re

import pytest

from tamiyo.ui.page.elements.charts import Frame, Line, draw_chart, find_ticks


def draw(points, **changes):
    line = Line(name="score", look="accuracy", points=points, **changes)
    return draw_chart([line], size=(400, 200), title="Score", x_name="epoch")


@pytest.mark.parametrize("ends", [(0, 60), (5, 97), (-0.3, 0.02), (1e-9, 3e-9), (0, 1e9)])
@pytest.mark.parametrize("most", [4, 7])
def test_ticks_are_few_and_between_the_ends(ends, most):
    ticks = find_ticks(*ends, most)
    room = 1e-6 * (ends[1] - ends[0])
    assert most // 4 <= len(ticks) <= most
    assert all(ends[0] - room <= tick <= ends[1] + room for tick in ticks)


def test_a_frame_puts_its_ends_at_its_edges():
    frame = Frame(width=400, height=200, x_range=(0, 10), y_range=(50, 100))
    assert (frame.x(0), frame.x(10)) == (frame.left, 400 - frame.right)
    assert (frame.y(50), frame.y(100)) == (200 - frame.bottom, frame.top)


def test_a_line_goes_through_its_points_from_left_to_right():
    path = re.search(r'<path d="M([^"]+)" class="line accuracy"', draw([(0, 1), (1, 2), (2, 0)]))
    places = [float(pair.split()[0]) for pair in path[1].split("L")]
    assert len(places) == 3
    assert places == sorted(places)


def test_who_cannot_see_hears_the_title_and_both_ends():
    assert 'aria-label="Score. score from 1 to 3"' in draw([(0, 1), (1, 2), (2, 3)])


@pytest.mark.parametrize("points", [[], [(0, math.nan)], [(0, math.inf), (1, -math.inf)]])
def test_nothing_to_draw_is_said(points):
    assert draw(points) == '<p class="quiet">Nothing to draw.</p>'


@pytest.mark.parametrize("points", [[(3, 7.0)], [(0, 5.0), (1, 5.0)], [(0, 0.0), (1, math.nan)]])
def test_single_and_constant_values_are_drawn(points):
    drawn = draw(points)
    assert "nan" not in drawn
    assert 'class="dot accuracy"' in drawn or 'class="line accuracy"' in drawn


def test_a_long_line_is_thinned_and_keeps_its_end():
    drawn = draw([(place, place % 7) for place in range(20_000)])
    assert len(drawn) < 12_000
    assert "L388.0 " in drawn


def test_what_stands_at_a_place_is_told_there():
    lines = [Line(name="score", look="accuracy", points=[(0, 1), (1, 2)])]
    drawn = draw_chart(
        lines, size=(400, 200), title="x", x_name="epoch", hits={0: "first <b>", 1: "second"}
    )
    assert 'data-tip="first &lt;b&gt;"' in drawn
