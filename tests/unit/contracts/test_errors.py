"""The exception tree."""

from __future__ import annotations

import pickle

import pytest

from tamiyo.contracts import (
    ArtifactError,
    ConfigError,
    InvariantError,
    ScheduleError,
    ShapeError,
    SlotIdError,
    StageError,
    TamiyoError,
    UnknownNameError,
    WorkerError,
)


@pytest.mark.parametrize(
    "error", [ScheduleError, ShapeError, SlotIdError, StageError, UnknownNameError]
)
def test_a_wrong_setting_is_a_value_error_of_ours(error):
    assert issubclass(error, ConfigError)
    assert issubclass(error, ValueError)


@pytest.mark.parametrize("error", [ArtifactError, ConfigError, InvariantError, WorkerError])
def test_every_error_can_be_caught_by_the_base(error):
    assert issubclass(error, TamiyoError)


def test_a_broken_promise_is_an_assertion():
    assert issubclass(InvariantError, AssertionError)


def test_an_unknown_name_is_told_what_exists():
    error = UnknownNameError("task", "digit", ["digits", "canvas"])
    assert str(error) == "task must be one of digits, canvas, got 'digit'"


def test_an_unknown_name_survives_the_way_out_of_a_worker_process():
    error = UnknownNameError("task", "x", ["a", "b"])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
