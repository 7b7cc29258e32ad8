"""Alpha schedules: golden curves, ramps that end exactly, cross-fades that never jump."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import AlphaCurve, AlphaMode, InvariantError, Style
from tamiyo.model import AlphaSchedule

GOLDEN = {
    (AlphaCurve.LINEAR, 3): [0.333, 0.667, 1],
    (AlphaCurve.LINEAR, 5): [0.2, 0.4, 0.6, 0.8, 1],
    (AlphaCurve.LINEAR, 8): [0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1],
    (AlphaCurve.COSINE, 3): [0.25, 0.75, 1],
    (AlphaCurve.COSINE, 5): [0.095, 0.345, 0.655, 0.905, 1],
    (AlphaCurve.COSINE, 8): [0.038, 0.146, 0.309, 0.5, 0.691, 0.854, 0.962, 1],
    (AlphaCurve.SIGMOID, 3): [0.117, 0.883, 1],
    (AlphaCurve.SIGMOID, 5): [0.024, 0.230, 0.770, 0.976, 1],
    (AlphaCurve.SIGMOID, 8): [0.009, 0.045, 0.181, 0.5, 0.819, 0.955, 0.991, 1],
}
CURVES = st.sampled_from(AlphaCurve)
STYLES = st.sampled_from(Style)
ALPHAS = st.sampled_from((0.0, 0.5, 0.7, 1.0))


def ramped(style=Style.LINEAR_ADD, target=1.0, *, steps=0, curve=AlphaCurve.LINEAR):
    schedule = AlphaSchedule(style)
    schedule.begin(style, target, steps=steps, curve=curve)
    return schedule


def run_out(schedule):
    """Tick to the end of the ramp; the weights before every tick and after the last."""
    course = [dict(schedule.weights)]
    while schedule.mode != AlphaMode.HOLD:
        schedule.tick()
        course.append(dict(schedule.weights))
    return course


@pytest.mark.parametrize(("curve", "steps"), GOLDEN)
def test_a_first_ramp_takes_the_documented_values(curve, steps):
    course = run_out(ramped(steps=steps, curve=curve))
    alphas = [sum(weights.values()) for weights in course[1:]]
    assert alphas == pytest.approx(GOLDEN[curve, steps], abs=6e-4)


@pytest.mark.parametrize("steps", [1, 3, 5, 8])
@pytest.mark.parametrize("target", [0.5, 0.7, 1.0])
def test_a_ramp_of_n_ends_after_n_ticks_exactly_at_its_target(steps, target):
    schedule = ramped(target=target, steps=steps, curve=AlphaCurve.SIGMOID)
    for left in range(steps, 0, -1):
        assert schedule.steps_left == left
        assert schedule.tick() is (left == 1)
    assert schedule.steps_left == 0
    assert (schedule.alpha, schedule.mode) == (target, AlphaMode.HOLD)
    assert schedule.tick() is False


def test_a_new_schedule_is_steady_and_without_influence():
    schedule = AlphaSchedule(Style.GATED_GATE)
    assert schedule.weights == ()
    assert (schedule.alpha, schedule.target, schedule.mode) == (0, 0, AlphaMode.HOLD)
    assert schedule.styles == (Style.GATED_GATE,)


def test_a_ramp_of_no_steps_jumps():
    schedule = ramped(target=0.7)
    assert (schedule.alpha, schedule.mode, schedule.tick()) == (0.7, AlphaMode.HOLD, False)


@pytest.mark.parametrize(
    ("target", "mode"), [(0.5, AlphaMode.DOWN), (0.7, AlphaMode.UP), (1.0, AlphaMode.UP)]
)
def test_the_mode_says_where_the_ramp_goes(target, mode):
    schedule = ramped(target=0.7)
    schedule.begin(Style.SIGMOID_ADD, target, steps=3, curve=AlphaCurve.LINEAR)
    assert schedule.mode == mode


@given(STYLES, STYLES, ALPHAS, ALPHAS, st.integers(1, 8), CURVES)
def test_a_ramp_is_monotone_in_every_style_and_ends_in_the_new_one_alone(
    old, new, before, after, steps, curve
):
    schedule = ramped(old, before)
    schedule.begin(new, after, steps=steps, curve=curve)
    course = run_out(schedule)
    assert course[0] == ({old: before} if before else {})
    assert course[-1] == ({new: after} if after else {})
    for style in {old, new}:
        values = [weights.get(style, 0.0) for weights in course]
        assert values in (sorted(values), sorted(values, reverse=True))


@given(STYLES, STYLES, ALPHAS, st.integers(3, 8), CURVES)
@pytest.mark.requirement("0.10")
def test_a_cross_fade_at_equal_alpha_keeps_the_sum(old, new, alpha, steps, curve):
    schedule = ramped(old, alpha)
    schedule.begin(new, alpha, steps=steps, curve=curve)
    for weights in run_out(schedule):
        assert sum(weights.values()) == pytest.approx(alpha)


@pytest.mark.requirement("0.10")
def test_a_cross_fade_composes_both_styles_until_its_end():
    schedule = ramped(Style.LINEAR_ADD, 1.0)
    schedule.begin(Style.GATED_GATE, 1.0, steps=3, curve=AlphaCurve.LINEAR)
    assert set(schedule.styles) == {Style.LINEAR_ADD, Style.GATED_GATE}
    run_out(schedule)
    assert schedule.styles == (Style.GATED_GATE,)


def test_a_new_ramp_starts_where_an_unfinished_one_stands():
    schedule = ramped(steps=4)
    schedule.tick()
    schedule.begin(Style.LINEAR_ADD, 0.0, steps=2, curve=AlphaCurve.LINEAR)
    assert [w.get(Style.LINEAR_ADD, 0) for w in run_out(schedule)] == [0.25, 0.125, 0]


def test_the_report_tells_the_present_ramp():
    schedule = ramped(target=0.5, steps=5)
    schedule.tick()
    report = schedule.report()
    assert (report.alpha, report.target, report.mode) == (0.1, 0.5, AlphaMode.UP)
    assert (report.steps_total, report.steps_done) == (5, 1)


def test_an_alpha_outside_its_range_breaks_a_promise():
    with pytest.raises(InvariantError, match=r"alpha must be in \[0, 1\], got 1.5"):
        ramped(target=1.5)
