"""The course of many environments: the same as one SignalTracker for each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamiyo.contracts import EpochReport
from tamiyo.controller import SignalTracker, TrackerConfig
from tamiyo.environment.surrogate.course import CourseTracker
from tamiyo.environment.surrogate.curves import Measurement

NUM_ENVS = 5
BATCHES = 7
SAME = ("epoch", "global_step", "control_loss", "control_accuracy", "plateau_epochs")
SAME_OR_UNKNOWN = ("train_loss", "loss_delta", "accuracy_delta", "best_accuracy", "best_loss")
CONFIGS = (
    TrackerConfig(),
    TrackerConfig(smoothing=0.0, noise_window=1, plateau_window=1),
    TrackerConfig(smoothing=0.8, noise_window=4, plateau_window=5, min_descent_fraction=0.0),
    TrackerConfig(min_stabilization_epoch=0, stabilization_epochs=0),
    TrackerConfig(min_stabilization_epoch=2, stabilization_epochs=0, rise_noise=0.0),
)


def draw_curves(seed, epochs):
    """Losses that fall at different speeds, with noise from none to a lot, ``[epochs, N]``."""
    rng = np.random.default_rng(seed)
    time = np.arange(epochs)[:, np.newaxis]
    descent = np.exp(-time / rng.uniform(1, 8, NUM_ENVS))
    noise = rng.choice([0.0, 0.01, 0.1], NUM_ENVS) * rng.standard_normal((epochs, NUM_ENVS))
    return np.maximum(0.3 + 2.0 * descent + noise, 0.0)


def measure(losses, *, is_first=False):
    nothing = np.full(losses.shape, np.nan)
    fields = dict.fromkeys(Measurement._fields, nothing)
    train = nothing if is_first else losses / 2
    return Measurement(
        **fields
        | {"control_loss": losses, "control_accuracy": 90 - 30 * losses, "train_loss": train}
    )


def report(losses, epoch, row):
    return EpochReport(
        epoch=epoch,
        global_step=BATCHES * epoch,
        train_loss=None if epoch == 0 else losses[row] / 2,
        train_accuracy=None,
        control_loss=float(losses[row]),
        control_accuracy=float(90 - 30 * losses[row]),
        committed_accuracy=0.0,
        multiply_adds=None,
    )


def assert_same(tracker, signals, row):
    """Compare everything both know."""
    course = {name: array[row] for name, array in vars(tracker.course).items()}
    for name in SAME:
        assert course[name] == getattr(signals, name), name
    for name in SAME_OR_UNKNOWN:
        told = getattr(signals, name)
        np.testing.assert_equal(course[name], np.nan if told is None else told)
    for name in ("loss_history", "accuracy_history"):
        known = course[name][~np.isnan(course[name])]
        assert tuple(known) == getattr(signals, name)
        assert np.isnan(course[name][: len(course[name]) - len(known)]).all()
    losses = tracker.losses
    assert losses.smoothed[row, -1] == signals.smoothed_loss
    assert losses.is_stabilized[row] == signals.is_stabilized
    noise = np.nan if signals.loss_noise is None else signals.loss_noise
    np.testing.assert_equal(losses.noise[row], noise)


def follow(tracker, trackers, losses):
    """Feed both from the validation before training on."""
    everyone = np.ones(NUM_ENVS, dtype=bool)
    for epoch, now in enumerate(losses):
        if epoch == 0:
            tracker.begin(everyone, measure(now, is_first=True))
        else:
            tracker.update(measure(now))
        for row, reference in enumerate(trackers):
            assert_same(tracker, reference.update(report(now, epoch, row)), row)


@pytest.mark.parametrize("config", CONFIGS)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=30)
def test_a_course_is_what_signal_trackers_say(config, seed):
    tracker = CourseTracker(NUM_ENVS, config, batches_per_epoch=BATCHES)
    trackers = [SignalTracker(config, decision_epochs=9) for _ in range(NUM_ENVS)]
    follow(tracker, trackers, draw_curves(seed, epochs=16))


def test_a_new_episode_starts_over_without_disturbing_the_others():
    losses = draw_curves(3, epochs=20)
    tracker = CourseTracker(NUM_ENVS, TrackerConfig(), batches_per_epoch=BATCHES)
    trackers = [SignalTracker(decision_epochs=9) for _ in range(NUM_ENVS)]
    follow(tracker, trackers, losses)
    again = np.arange(NUM_ENVS) == 2
    tracker.begin(again, measure(losses[0], is_first=True))
    fresh = SignalTracker(decision_epochs=9)
    assert_same(tracker, fresh.update(report(losses[0], 0, 2)), 2)
    assert_same(tracker, trackers[1].peek(), 1)
    tracker.update(measure(losses[1]))
    assert_same(tracker, fresh.update(report(losses[1], 1, 2)), 2)


def test_curves_reach_both_sides_of_plateau_and_latch():
    tracker = CourseTracker(NUM_ENVS, TrackerConfig(), batches_per_epoch=BATCHES)
    seen = set()
    for seed in range(20):
        losses = draw_curves(seed, epochs=16)
        tracker.begin(np.ones(NUM_ENVS, dtype=bool), measure(losses[0], is_first=True))
        for now in losses[1:]:
            tracker.update(measure(now))
            flat = tracker.course.plateau_epochs > 0
            seen |= set(zip(flat.tolist(), tracker.losses.is_stabilized.tolist(), strict=True))
    assert seen == {(True, True), (True, False), (False, True), (False, False)}
