"""LearningTale: a training from its events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import GAIN_METRIC, TrainingStarted, UpdateCompleted, encode_event
from tamiyo.telemetry.story.learning import LearningTale
from tests.support.events import build_one_of_each


def pick(kind):
    return next(event for event in build_one_of_each() if isinstance(event, kind))


def update(number, told):
    report = pick(UpdateCompleted).report
    rollout = replace(report.rollout, environment=told)
    return UpdateCompleted(
        report=replace(report, update=number, steps=100 * number, rollout=rollout)
    )


def tell(*events):
    tale = LearningTale(encode_event(pick(TrainingStarted)))
    for event in events:
        tale.take(encode_event(event))
    return tale.finish()


def test_what_environments_tell_becomes_curves_over_steps():
    story = tell(update(1, {GAIN_METRIC: -1.0}), update(2, {GAIN_METRIC: 2.5, "reward/rent": -3.0}))
    gain = next(curve for curve in story.curves if curve.name == "gain over the host alone")
    assert (gain.places, gain.values, gain.unit) == ((100, 200), (-1.0, 2.5), "points")
    assert [(curve.name, curve.places) for curve in story.rewards] == [("rent", (200,))]
    assert (story.steps, story.updates, story.starts) == (200, 2, 1)


def test_ops_are_counted_over_all_updates_and_shared_by_update():
    one = update(1, {}).report.ops
    story = tell(update(1, {}), update(2, {}))
    assert story.ops == {name: 2 * told.count for name, told in one.items()}
    assert story.legal == {name: 2 * told.legal for name, told in one.items()}
    sums = [sum(curve.values[at] for curve in story.ops_by_update) for at in (0, 1)]
    assert sums == pytest.approx([1.0, 1.0])


def test_going_on_after_a_stop_counts_as_a_start():
    story = tell(update(1, {}), replace(pick(TrainingStarted), steps=100), update(2, {}))
    assert story.starts == 2
    assert story.steps == 200


def test_a_long_training_keeps_no_more_points_than_a_picture_needs():
    story = tell(*(update(number, {GAIN_METRIC: number}) for number in range(1, 1001)))
    gain = story.curves[0]
    assert len(gain.places) <= 201
    assert gain.places[-1] == 100_000
