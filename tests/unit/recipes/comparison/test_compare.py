from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from tamiyo.contracts import ComparisonRow, ConfigError, ScheduleError, UnknownNameError
from tamiyo.engine import EngineConfig, EngineKind
from tamiyo.recipes import RunConfig, compare_controllers, compare_runs
from tamiyo.recipes.comparison.static import STATIC_ROWS
from tamiyo.tasks import HostSource

QUICK = RunConfig(task="digits-cnn", epochs=11)


def test_a_comparison_pairs_every_row_with_the_reference():
    told = []
    comparison = compare_controllers(
        QUICK,
        ["random-legal"],
        seeds=2,
        on_progress=lambda *given: told.append(given),
        reference="wait-only",
    )
    assert (comparison.task, comparison.reference) == ("digits-cnn", "wait-only")
    assert (comparison.grown, comparison.seeds) == ("random-legal", (0, 1))
    assert [row.name for row in comparison.rows] == ["wait-only", "random-legal", *STATIC_ROWS]
    reference = comparison.rows[0]
    assert (reference.difference, reference.low, reference.high) == (0, 0, 0)
    for row in comparison.rows[1:]:
        assert row.low <= row.difference <= row.high
        assert row.difference == pytest.approx(row.score - reference.score)
    scores = {row.name: row.score for row in comparison.rows}
    for name, of_seeds in comparison.scores.items():
        assert scores[name] == pytest.approx(sum(of_seeds) / 2)
    assert tuple(comparison.scores) == tuple(scores)
    assert tuple(comparison.leads) == STATIC_ROWS
    for name, lead in comparison.leads.items():
        assert lead.mean == pytest.approx(scores["random-legal"] - scores[name])


def test_nothing_grows_beside_the_reference():
    comparison = compare_controllers(replace(QUICK, seed=5), ["wait-only"], seeds=2)
    assert (comparison.grown, comparison.seeds) == (None, (5, 6))
    assert [row.name for row in comparison.rows] == ["wait-only"]
    assert {item.name for item in fields(ComparisonRow)} >= {"score", "low", "high"}


def test_progress_adds_up_to_all_networks():
    told = []
    compare_controllers(
        QUICK, ["wait-only"], seeds=3, on_progress=lambda *given: told.append(given)
    )
    assert [total for _, total in told] == [3] * 3 * 11
    assert [done for done, _ in told] == pytest.approx([(1 + index) / 11 for index in range(33)])


@pytest.mark.slow
def test_processes_change_nothing():
    config = {name: replace(QUICK, controller=name) for name in ("wait-only", "random-legal")}
    torch.set_num_threads(1)
    alone, spread = (
        compare_runs(config, seeds=3, reference="wait-only", grown=None, workers=workers)
        for workers in (1, 2)
    )
    assert alone == spread


@pytest.mark.parametrize("hosts", [HostSource.FIXED, HostSource.VARIED])
def test_a_comparison_says_what_trained_it(hosts):
    comparison = compare_controllers(replace(QUICK, hosts=hosts), ["wait-only"], seeds=2)
    assert comparison.engine.kind == EngineKind.BATCHED
    assert comparison.engine.reason


def test_all_arms_are_trained_by_one_engine():
    arms = {"a": QUICK, "b": replace(QUICK, engine=EngineConfig(engine=EngineKind.SEQUENTIAL))}
    with pytest.raises(ConfigError, match="the same in all arms, got auto, sequential"):
        compare_runs(arms, seeds=2, reference="a", grown=None)


@pytest.mark.parametrize("seeds", [1, 0, -2])
def test_one_seed_is_no_comparison(seeds):
    with pytest.raises(ConfigError, match=f"seeds must be at least 2, got {seeds}"):
        compare_controllers(QUICK, ["wait-only"], seeds=seeds)


@pytest.mark.parametrize("workers", [0, -1])
def test_somebody_has_to_work(workers):
    with pytest.raises(ConfigError, match=f"workers must be at least 1, got {workers}"):
        compare_controllers(QUICK, ["wait-only"], seeds=2, workers=workers)


def test_a_controller_is_named_once():
    with pytest.raises(ConfigError, match="named once each, got wait-only, heuristic, heuristic"):
        compare_controllers(QUICK, ["heuristic", "heuristic"], seeds=2)


@pytest.mark.parametrize("names", [("magic", "wait-only"), ("wait-only", "magic")])
def test_every_controller_and_the_reference_must_exist(names):
    controller, reference = names
    with pytest.raises(UnknownNameError, match="got 'magic'"):
        compare_controllers(QUICK, [controller], seeds=2, reference=reference)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"epochs": 3}, ConfigError, "epochs must be more than .* got 3"),
        ({"engine": EngineConfig(max_parameters=9)}, ConfigError, "max_parameters .* got 9"),
        ({"controller": "schedule:gone.toml"}, ScheduleError, r"gone\.toml"),
    ],
)
def test_an_arm_that_cannot_run_is_refused_before_any_is_trained(change, error, message):
    arms = {"fine": QUICK, "wrong": replace(QUICK, **change)}
    told = []
    with pytest.raises(error, match=message):
        compare_runs(
            arms,
            seeds=2,
            reference="fine",
            grown=None,
            on_progress=lambda *given: told.append(given),
        )
    assert told == []
