"""The tracker's signals at their boundaries; most tests switch smoothing off to count by hand."""

from __future__ import annotations

import math
import random
from dataclasses import asdict

import pytest

from tamiyo.contracts import ConfigError, InteractionReport, InvariantError
from tamiyo.controller import SignalTracker, TrackerConfig
from tests.support.reports import build_epoch_report

DESCENT = [1.0, 0.5]
"""Epochs 0 and 1 of a host that learns at once."""


def follow(losses, *, decision_epochs=40, first_epoch=0, **config):
    """Feed one report per loss and return the tracker with all signals."""
    plain = {"smoothing": 0.0, "stabilization_epochs": 3, "stabilization_threshold": 0.05}
    tracker = SignalTracker(TrackerConfig(**(plain | config)), decision_epochs=decision_epochs)
    reports = [build_epoch_report(first_epoch + i, loss) for i, loss in enumerate(losses)]
    return tracker, [tracker.update(report) for report in reports]


def find_latch(losses, **config):
    """Epoch in which the latch closes, or ``None``."""
    _, signals = follow(losses, **config)
    return next((each.epoch for each in signals if each.is_stabilized), None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("smoothing", 1.0),
        ("smoothing", -0.1),
        ("smoothing", math.nan),
        ("min_descent_fraction", 1.0),
        ("noise_window", 0),
        ("plateau_window", 0),
        ("plateau_noise", -0.5),
        ("min_stabilization_epoch", -1),
        ("stabilization_epochs", -2),
        ("stabilization_threshold", -0.03),
        ("rise_noise", math.nan),
    ],
)
def test_a_config_outside_its_range_is_refused(name, value):
    with pytest.raises(ConfigError, match=rf"{name} must be .*got {value}"):
        TrackerConfig(**{name: value})


def test_the_first_update_knows_no_change_and_no_noise():
    _, [first] = follow([2.3])
    unknown = (first.train_loss, first.loss_delta, first.accuracy_delta, first.loss_noise)
    assert unknown == (None, None, None, None)


def test_changes_are_positive_when_things_get_better():
    tracker = SignalTracker(TrackerConfig(), decision_epochs=40)
    tracker.update(build_epoch_report(1, 1.0, 50.0))
    signals = tracker.update(build_epoch_report(2, 0.75, 53.0))
    assert (signals.loss_delta, signals.accuracy_delta) == (0.25, 3.0)


@pytest.mark.requirement("4.3")
def test_best_values_are_of_the_whole_run():
    tracker = SignalTracker(TrackerConfig(), decision_epochs=40)
    tracker.update(build_epoch_report(1, 0.2, 90.0))
    for epoch in range(2, 12):
        signals = tracker.update(build_epoch_report(epoch, 0.5, 70.0))
    assert (signals.best_loss, signals.best_accuracy) == (0.2, 90.0)


@pytest.mark.parametrize(("count", "kept"), [(1, 1), (5, 5), (6, 5)])
@pytest.mark.requirement("4.3")
def test_histories_hold_the_last_five_oldest_first(count, kept):
    _, signals = follow([float(i) for i in range(count)], noise_window=1)
    expected = tuple(float(i) for i in range(count))[-kept:]
    assert signals[-1].loss_history == expected
    assert len(signals[-1].accuracy_history) == kept


@pytest.mark.parametrize(("epoch", "left"), [(0, 3), (2, 1), (3, 0), (4, 0)])
def test_epochs_left_counts_the_decisions_still_to_be_made(epoch, left):
    _, signals = follow([1.0], first_epoch=epoch, decision_epochs=3)
    assert signals[0].epochs_left == left


@pytest.mark.requirement("2.4")
def test_steps_and_training_loss_are_passed_on():
    _, [signals] = follow([1.0], first_epoch=7)
    assert (signals.global_step, signals.train_loss, signals.control_loss) == (70, 1.0, 1.0)


def test_training_accuracy_and_interactions_are_those_of_the_epoch():
    pair = InteractionReport(slot_ids=("r0c0", "r0c1"), points=0.3)
    tracker = SignalTracker(decision_epochs=40)
    first = tracker.update(build_epoch_report(0))
    second = tracker.update(build_epoch_report(1, train_accuracy=88.0, interactions=(pair,)))
    third = tracker.update(build_epoch_report(2, train_accuracy=90.0))
    assert (first.train_accuracy, first.interactions) == (None, ())
    assert (second.train_accuracy, second.interactions) == (88.0, (pair,))
    assert (third.train_accuracy, third.interactions) == (90.0, ())


def test_the_average_starts_without_bias():
    _, signals = follow([2.0, 1.0], smoothing=0.5)
    assert signals[0].smoothed_loss == 2.0
    assert signals[1].smoothed_loss == pytest.approx((0.5 * 2.0 + 1.0) / 1.5)


def test_a_constant_loss_is_smoothed_to_itself_exactly():
    _, signals = follow([2.3] * 20, smoothing=0.6)
    assert {each.smoothed_loss for each in signals} == {2.3}


def test_a_straight_descent_however_steep_is_no_noise():
    _, signals = follow([8.0, 6.0, 4.0, 2.0])
    assert signals[-1].loss_noise == 0.0


def test_the_bend_of_the_first_descent_is_soon_no_noise():
    _, signals = follow([2.3, 0.8, 0.7, 0.6, 0.5, 0.4])
    assert signals[-1].loss_noise == pytest.approx(0.0, abs=1e-12)


def test_noise_is_the_standard_deviation_around_a_descent():
    draw = random.Random(0)
    losses = [5.0 - 0.01 * i + draw.gauss(0, 0.05) for i in range(400)]
    _, signals = follow(losses, noise_window=398)
    assert signals[-1].loss_noise == pytest.approx(0.05, rel=0.1)


def test_noise_looks_back_no_further_than_its_window():
    losses = [1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert follow(losses, noise_window=1)[1][-1].loss_noise == 0.0
    assert follow(losses[:3], noise_window=1)[1][-1].loss_noise > 0.5


@pytest.mark.requirement("4.3")
def test_a_flat_loss_counts_up_once_the_window_is_full():
    _, signals = follow([1.0] * 7, plateau_window=3)
    assert [each.plateau_epochs for each in signals] == [0, 0, 0, 1, 2, 3, 4]


def test_without_known_noise_there_is_no_plateau():
    _, signals = follow([1.0] * 4, plateau_window=1)
    assert [each.plateau_epochs for each in signals] == [0, 0, 1, 2]


@pytest.mark.requirement("4.3")
def test_progress_resets_the_plateau():
    _, signals = follow([1.0] * 6 + [0.9], plateau_window=3)
    assert [each.plateau_epochs for each in signals[-2:]] == [3, 0]


def test_a_rising_loss_is_a_plateau():
    _, signals = follow([1.0, 1.1, 1.2, 1.3, 1.4], plateau_window=1)
    assert signals[-1].plateau_epochs == 3


@pytest.mark.parametrize(("plateau_noise", "plateau"), [(0.5, 0), (1.0, 3)])
def test_progress_within_the_noise_is_a_plateau(plateau_noise, plateau):
    losses = [1.0, 1.1, 1.0, 1.1, 1.0]  # noise 0.121, error of a difference 0.171, progress 0.1
    _, signals = follow(losses, plateau_window=1, plateau_noise=plateau_noise)
    assert signals[-1].plateau_epochs == plateau


@pytest.mark.parametrize(
    ("smoothing", "window", "error"),
    [(0.0, 1, 2**0.5), (0.5, 1, 3**-0.5), (0.5, 2, 0.5**0.5), (0.5, 3, (7 / 12) ** 0.5)],
)
def test_progress_is_measured_in_standard_errors_of_the_smoothed_change(smoothing, window, error):
    config = {"smoothing": smoothing, "plateau_window": window}
    losses = [1.0, 1.1, 1.0, 1.1, 1.0, 0.9]
    _, signals = follow(losses, **config)
    progress = signals[-1 - window].smoothed_loss - signals[-1].smoothed_loss
    errors = progress / (error * signals[-1].loss_noise)
    assert follow(losses, plateau_noise=0.99 * errors, **config)[1][-1].plateau_epochs == 0
    assert follow(losses, plateau_noise=1.01 * errors, **config)[1][-1].plateau_epochs > 0


@pytest.mark.requirement("4.3")
def test_the_latch_closes_after_so_many_stable_epochs():
    assert find_latch([*DESCENT, 0.5, 0.5, 0.5], min_stabilization_epoch=0) == 4


@pytest.mark.parametrize("epochs", [1, 2, 5])
def test_the_number_of_stable_epochs_is_configurable(epochs):
    losses = DESCENT + [0.5] * 10
    config = {"min_stabilization_epoch": 0, "stabilization_epochs": epochs}
    assert find_latch(losses, **config) == 1 + epochs


@pytest.mark.parametrize("earliest", [4, 5, 9])
@pytest.mark.requirement("0.8", "4.3")
def test_the_latch_never_closes_before_its_epoch(earliest):
    assert find_latch(DESCENT + [0.5] * 12, min_stabilization_epoch=earliest) == earliest


def test_zero_stable_epochs_close_it_at_its_epoch_whatever_the_loss():
    losses = [1.0, 0.5, 2.0, 1.0, 0.2]
    assert find_latch(losses, stabilization_epochs=0, min_stabilization_epoch=3) == 3


@pytest.mark.parametrize(("third", "latched"), [(0.375, None), (0.376, 2)])
def test_a_fall_of_exactly_the_threshold_is_still_steep(third, latched):
    config = {"stabilization_epochs": 1, "stabilization_threshold": 0.25}
    losses = [*DESCENT, third]
    assert find_latch(losses, min_stabilization_epoch=0, **config) == latched


@pytest.mark.parametrize(("rise_noise", "latched"), [(1.0, 7), (2.0, 4)])
@pytest.mark.requirement("0.8")
def test_a_rise_beyond_the_noise_starts_the_count_again(rise_noise, latched):
    losses = [*DESCENT, 0.5, 0.5, 0.6, 0.6, 0.6, 0.6]  # noise 0.061, error 0.086, rise 0.1
    config = {"min_stabilization_epoch": 0, "rise_noise": rise_noise}
    assert find_latch(losses, **config) == latched


def test_a_host_flat_at_its_initial_loss_is_not_stable():
    assert find_latch([2.303] * 30) is None


def test_noise_at_the_initial_loss_is_not_stable():
    draw = random.Random(1)
    assert find_latch([2.303 + draw.gauss(0, 0.02) for _ in range(60)], smoothing=0.5) is None


@pytest.mark.parametrize(("floor", "latched"), [(0.5, 4), (0.51, None)])
def test_the_descent_must_have_taken_its_share_of_the_first_loss(floor, latched):
    losses = [1.0] + [floor] * 8
    config = {"min_stabilization_epoch": 0, "min_descent_fraction": 0.5}
    assert find_latch(losses, **config) == latched


@pytest.mark.requirement("0.8")
def test_the_latch_stays_closed_when_the_loss_explodes():
    _, signals = follow(DESCENT + [0.5] * 5 + [9.0, 0.1, 9.0])
    assert [each.is_stabilized for each in signals[-3:]] == [True, True, True]


@pytest.mark.requirement("0.8", "8.4")
def test_stabilization_is_announced_once():
    tracker = SignalTracker(TrackerConfig(smoothing=0.0), decision_epochs=40)
    announced = []
    for epoch, loss in enumerate(DESCENT + [0.5] * 10):
        tracker.update(build_epoch_report(epoch, loss))
        announced.append(tracker.just_stabilized)
    assert [epoch for epoch, new in enumerate(announced) if new] == [5]


def test_peek_repeats_the_last_signals_and_changes_nothing():
    tracker, signals = follow([1.0, 0.9, 0.8])
    assert tracker.peek() is tracker.peek() is signals[-1]


def test_peek_before_the_first_report_is_refused():
    tracker = SignalTracker(TrackerConfig(), decision_epochs=40)
    with pytest.raises(InvariantError, match="peek must follow an update, got no report"):
        tracker.peek()


@pytest.mark.parametrize("epoch", [3, 2])
def test_an_epoch_that_does_not_come_after_the_last_is_refused(epoch):
    tracker, _ = follow([1.0], first_epoch=3)
    with pytest.raises(InvariantError, match=f"epoch must be more than 3, got {epoch}"):
        tracker.update(build_epoch_report(epoch))


def test_a_run_that_starts_without_a_finite_loss_is_refused():
    with pytest.raises(InvariantError, match="first control_loss must be finite, got nan"):
        follow([math.nan])


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_loss_that_is_not_finite_touches_no_average_and_no_best(bad):
    _, signals = follow([1.0, 0.5, bad, 0.5])
    broken = signals[2]
    assert (broken.smoothed_loss, broken.best_loss, broken.loss_delta) == (0.5, 0.5, None)
    assert signals[3].loss_history == (1.0, 0.5, 0.5)
    assert signals[3].loss_delta is None


def test_a_loss_that_is_not_finite_breaks_the_plateau_and_the_stable_epochs():
    losses = [*DESCENT, 0.5, 0.5, math.nan, 0.5, 0.5, 0.5]
    _, signals = follow(losses, min_stabilization_epoch=0, plateau_window=1)
    assert (signals[3].plateau_epochs, signals[4].plateau_epochs) == (2, 0)
    assert [each.epoch for each in signals if each.is_stabilized] == [7]


def test_the_same_reports_rebuild_the_same_signals():
    draw = random.Random(2)
    losses = [1 + draw.random() for _ in range(30)]
    assert asdict(follow(losses)[0].peek()) == asdict(follow(losses)[0].peek())
