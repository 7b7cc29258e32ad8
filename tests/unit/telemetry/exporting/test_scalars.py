"""ScalarReader: which numbers of events become points of curves."""

from __future__ import annotations

import pytest

from tamiyo.contracts import (
    AlarmKind,
    AlarmRaised,
    EpochCompleted,
    PhasesTimed,
    TamiyoInitiated,
    UpdateCompleted,
)
from tamiyo.telemetry.exporting import ScalarReader
from tests.support.events import build_run
from tests.support.updates import build_update


@pytest.fixture
def reader():
    return ScalarReader()


def test_a_run_has_a_point_per_epoch(reader):
    run = build_run(epochs=12)
    start, *_ = points = [reader.read(event) for event in run]
    assert (start.step, "control/control_accuracy" in start.values) == (0, True)
    epochs = [event for event in run if isinstance(event, EpochCompleted)]
    steps = [point.step for point in points[1:-1] if point is not None]
    assert steps == [event.measured.epoch for event in epochs]


def test_slots_have_curves_while_they_hold_a_seed(reader):
    run = build_run(epochs=12)
    points = [reader.read(event) for event in run]
    names = {name for point in points if point for name in point.values}
    assert {"slots/r0c1/alpha", "host/parameters"} <= names
    assert "slots/r0c2/alpha" not in names


def test_the_end_of_a_run_has_its_score_unless_it_is_unknown(reader):
    *_, end = build_run(epochs=3)
    assert reader.read(end).values["final/score"] == end.score
    *_, end = build_run(epochs=3, has_test=False)
    assert reader.read(end) is None


def test_an_update_has_its_fields_by_path_and_nothing_unknown(reader):
    report = build_update(steps=3200)
    point = reader.read(UpdateCompleted(report=report))
    assert point.step == 3200
    assert point.values["policy/kl"] == report.policy.kl
    assert point.values["alarms/count"] == 0
    assert None not in point.values.values()


def test_phases_and_alarms_stand_at_the_step_of_their_update(reader):
    reader.read(UpdateCompleted(report=build_update(steps=3200)))
    phases = reader.read(PhasesTimed(steps=100, seconds={"update": 1.5, "other": 0.5}))
    assert phases.step == 3200
    assert phases.values["time/steps_per_second"] == 50
    alarm = AlarmRaised(kind=AlarmKind.RATIO_JUMP, message="ratio", steps=3200)
    assert reader.read(alarm) == (3200, {"alarms/ratio_jump": 1.0})


def test_episodes_within_a_training_are_on_no_curve(reader):
    epoch = next(event for event in build_run() if isinstance(event, EpochCompleted))
    assert reader.read(epoch) is None


def test_what_has_no_number_has_no_point(reader):
    assert reader.read(TamiyoInitiated(environment=0, epoch=3)) is None
