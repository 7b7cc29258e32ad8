"""The exception tree."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from enum import StrEnum

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
    check_at_least,
    check_at_most,
    check_choices,
    decoding,
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


class Color(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Settings:
    size: float | None = 2
    color: str = "red"


def test_a_number_outside_its_bounds_is_refused():
    check_at_least(Settings(), {"size": 2})
    check_at_most(Settings(), {"size": 2})
    check_at_most(Settings(size=None), {"size": 1})
    for size, message in ((1, "at least 2, got 1"), (float("inf"), "finite, got inf")):
        with pytest.raises(ConfigError, match=f"size must be {message}"):
            check_at_least(Settings(size=size), {"size": 2})
    with pytest.raises(ConfigError, match="size must be at most 1, got 2"):
        check_at_most(Settings(), {"size": 1})


def test_what_is_no_choice_is_refused():
    check_choices(Settings(), {"color": Color})
    with pytest.raises(ConfigError, match="color must be red or blue, got 'green'"):
        check_choices(Settings(color="green"), {"color": Color})


def test_an_unknown_name_is_told_what_exists():
    error = UnknownNameError("task", "digit", ["digits", "canvas"])
    assert str(error) == "task must be one of digits, canvas, got 'digit'"


def test_an_unknown_name_survives_the_way_out_of_a_worker_process():
    error = UnknownNameError("task", "x", ["a", "b"])
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


@pytest.mark.parametrize(
    "damage",
    [KeyError("seed"), TypeError("seed"), RecursionError("seed"), OverflowError("seed")],
)
def test_what_damaged_content_makes_go_wrong_is_refused_with_its_name(damage):
    expected = r"file a must be whole .*, got \w+Error: .?seed"
    with pytest.raises(ArtifactError, match=expected), decoding("file a"):
        raise damage


def test_what_was_refused_already_is_left_as_it_is():
    refusal = ConfigError("size must be 3, got 4")
    with pytest.raises(ConfigError, match=r"^size must be 3, got 4$"), decoding("file a"):
        raise refusal


def test_a_reason_of_many_lines_becomes_a_short_one():
    with pytest.raises(ArtifactError) as refusal, decoding("file a"):
        raise ValueError("first\nsecond" * 100)
    assert "first second" in str(refusal.value)
    assert len(str(refusal.value)) < 300
