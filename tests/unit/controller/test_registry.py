"""Controllers by name."""

from __future__ import annotations

import pytest

from tamiyo.contracts import Blueprint, ConfigError, LifecycleOp, ScheduleError, UnknownNameError
from tamiyo.controller import CONTROLLERS, ControllerConfig, HeuristicConfig, build_controller
from tests.support.reports import build_host_report, build_signals


@pytest.mark.parametrize("name", CONTROLLERS[:-1])
def test_every_listed_name_builds_the_controller_of_that_name(name):
    assert build_controller(name, ControllerConfig(), 0).name == name


def test_a_schedule_is_built_from_its_file_and_named_after_it(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('[[seed]]\nslot = "r0c0"\ngerminate = 1\nblueprint = "norm"\n')
    controller = build_controller(f"schedule:{path}", ControllerConfig(), 0)
    assert controller.name == f"schedule:{path}"
    assert controller.decide(build_signals(), build_host_report()).blueprint == Blueprint.NORM


def test_an_unknown_name_is_refused_with_the_names_that_exist():
    known = "heuristic, random-legal, wait-only, schedule:PATH"
    with pytest.raises(UnknownNameError, match=f"controller must be one of {known}, got 'magic'"):
        build_controller("magic", ControllerConfig(), 0)


def test_a_schedule_without_a_path_is_refused():
    with pytest.raises(ScheduleError, match="a file after schedule:, got 'schedule:'"):
        build_controller("schedule:", ControllerConfig(), 0)


def test_the_heuristic_gets_its_thresholds():
    config = ControllerConfig(heuristic=HeuristicConfig(min_epochs_before_germinate=99))
    decision = build_controller("heuristic", config, 0).decide(build_signals(), build_host_report())
    assert decision.op == LifecycleOp.WAIT


def test_the_random_controller_gets_its_share_of_waiting():
    with pytest.raises(ConfigError, match=r"wait_probability must be in .* got 7"):
        build_controller("random-legal", ControllerConfig(random_wait_probability=7.0), 0)


def test_the_random_controller_gets_the_seed():
    def draw(seed):
        controller = build_controller("random-legal", ControllerConfig(), seed)
        return [controller.decide(build_signals(), build_host_report()) for _ in range(20)]

    assert draw(1) == draw(1) != draw(2)
