"""TaskConfig: its rules, learning rates and initial loss; MetricScale: values and points."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tamiyo.contracts import (
    ACCURACY,
    ConfigError,
    InvariantError,
    MetricScale,
    TaskConfig,
    check_initial_loss,
    compute_score,
)


def build_task(**changes):
    defaults = {
        "name": "tiny",
        "num_classes": 10,
        "initial_loss": 2.3,
        "target_loss": 0.3,
        "max_epochs": 25,
        "closing_epochs": 5,
        "batches_per_epoch": 10,
        "batch_size": 32,
        "learning_rate": 0.01,
        "final_learning_rate_fraction": 0.1,
        "rent_points": 1.0,
    }
    return TaskConfig(**(defaults | changes))


CIFAR10 = {"name": "cifar10"}
TINY_STORIES = {
    "name": "tinystories",
    "num_classes": 50257,
    "initial_loss": 10.8,
    "target_loss": 3.5,
    "max_epochs": 50,
}


@pytest.mark.parametrize(
    ("task", "loss", "target", "epochs"),
    [(CIFAR10, 2.3, 0.3, 25), (TINY_STORIES, 10.8, 3.5, 50)],
    ids=["cifar10", "tinystories"],
)
@pytest.mark.requirement("2.1")
def test_the_documented_tasks_can_be_written_down(task, loss, target, epochs):
    config = build_task(**task)
    assert (config.initial_loss, config.target_loss, config.max_epochs) == (loss, target, epochs)
    check_initial_loss(config, math.log(config.num_classes))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_classes": 0}, "num_classes must be at least 1, got 0"),
        ({"batches_per_epoch": 0}, "batches_per_epoch must be at least 1, got 0"),
        ({"batch_size": -2}, "batch_size must be at least 1, got -2"),
        ({"closing_epochs": -1}, "closing_epochs must be at least 0, got -1"),
        ({"rent_points": -0.5}, "rent_points must be at least 0, got -0.5"),
        ({"max_epochs": 5}, "more than the 5 closing epochs of task tiny, got 5"),
        ({"target_loss": 2.3}, r"target_loss must be in \[0, initial_loss = 2.3\), got 2.3"),
        ({"target_loss": -0.1}, "target_loss must be .*got -0.1"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be positive, got nan"),
        ({"final_learning_rate_fraction": 0.0}, r"must be in \(0, 1\], got 0.0"),
        ({"final_learning_rate_fraction": 1.5}, r"must be in \(0, 1\], got 1.5"),
    ],
)
def test_a_number_outside_its_range_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        build_task(**changes)


def test_the_learning_rate_is_constant_until_the_last_decision():
    config = build_task()
    assert config.decision_epochs == 20
    assert {config.learning_rate_at(epoch) for epoch in range(1, 21)} == {0.01}


def test_the_learning_rate_falls_linearly_to_its_fraction_in_closing():
    config = build_task()
    rates = [config.learning_rate_at(epoch) for epoch in range(21, 26)]
    assert rates == pytest.approx([0.0082, 0.0064, 0.0046, 0.0028, 0.001])


def test_a_task_without_closing_keeps_its_learning_rate():
    config = build_task(closing_epochs=0)
    assert config.learning_rate_at(config.max_epochs) == 0.01


@pytest.mark.parametrize("measured", [0.3, 2.3, 3.44])
def test_an_initial_loss_inside_the_range_passes(measured):
    check_initial_loss(build_task(), measured)


@pytest.mark.parametrize(("measured", "got"), [(0.29, "0.29"), (3.46, "3.46"), (244.0, "244")])
@pytest.mark.requirement("2.1")
def test_an_initial_loss_outside_the_range_is_refused(measured, got):
    with pytest.raises(ConfigError, match=f"task tiny .*initial_loss is 2.3.*, got {got}"):
        check_initial_loss(build_task(), measured)


def test_an_initial_loss_that_is_not_a_number_is_refused():
    with pytest.raises(ConfigError, match="got nan"):
        check_initial_loss(build_task(), math.nan)


UNKNOWN = ("num_classes", "batches_per_epoch", "batch_size", "learning_rate")


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_only_the_user_knows_may_be_left_out(name):
    assert getattr(build_task(**{name: None}), name) is None


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_known_is_checked_whatever_else_is_not(name):
    others = {other: None for other in UNKNOWN if other != name}
    with pytest.raises(ConfigError, match=f"{name} must be .*, got -1"):
        build_task(**others, **{name: -1})


def test_a_task_without_a_learning_rate_cannot_be_asked_for_it():
    with pytest.raises(InvariantError, match=r"tiny must have a learning rate .*, got none"):
        build_task(learning_rate=None).learning_rate_at(3)


def test_a_task_is_judged_by_accuracy_if_nothing_else_is_said():
    assert build_task().metric == ACCURACY


# Metric scales

ENDS = st.floats(-1e6, 1e6)


@st.composite
def scales(draw):
    best, worst = draw(ENDS), draw(ENDS)
    assume(abs(best - worst) > 1e-3)
    return MetricScale(name="metric", best=best, worst=worst)


@given(scales(), ENDS)
def test_a_value_is_what_it_was_after_a_way_through_points(scale, value):
    assert scale.to_value(scale.to_points(value)) == pytest.approx(value, abs=1e-8)


@given(scales())
def test_the_ends_of_a_scale_are_a_hundred_points_and_none(scale):
    assert (scale.to_points(scale.best), scale.to_points(scale.worst)) == (100, 0)


@given(scales(), ENDS, ENDS)
def test_better_values_never_have_fewer_points(scale, one, other):
    worse, better = sorted((one, other), reverse=not scale.higher_is_better)
    assert scale.to_points(worse) <= scale.to_points(better)


@given(scales(), st.floats(-10, 10))
def test_a_unit_is_worth_the_same_points_everywhere(scale, value):
    gained = scale.to_points(value + 1) - scale.to_points(value)
    assert gained == pytest.approx(scale.points_per_unit, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    ("best", "worst", "is_share", "higher_is_better"),
    [(1, 0, True, True), (0, 1, False, False), (1, 0.1, False, True), (0, 8, False, False)],
)
def test_only_a_scale_from_zero_to_one_is_a_share(best, worst, is_share, higher_is_better):
    scale = MetricScale(name="metric", best=best, worst=worst)
    assert (scale.is_share, scale.higher_is_better) == (is_share, higher_is_better)


@pytest.mark.parametrize(
    ("best", "worst"), [(1.0, 1.0), (math.inf, 0.0), (0.0, -math.inf), (math.nan, 1.0)]
)
def test_a_scale_without_a_finite_length_is_refused(best, worst):
    message = f"of metric bits must be two different finite values, got {best} and {worst}"
    with pytest.raises(ConfigError, match=message):
        MetricScale(name="bits", best=best, worst=worst)


@pytest.mark.requirement("7.1")
def test_the_score_is_accuracy_minus_rent():
    score = compute_score(80.0, parameters=200, host_parameters=100, rent_points=3.0)
    assert score == pytest.approx(80 - 3 * math.log(2))
    assert compute_score(80.0, parameters=100, host_parameters=100, rent_points=3.0) == 80.0
