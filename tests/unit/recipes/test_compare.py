from __future__ import annotations

from dataclasses import fields, replace

import pytest
import torch

from tamiyo.contracts import ComparisonRow, ConfigError, ScheduleError, UnknownNameError
from tamiyo.engine import EngineConfig
from tamiyo.model import Fossil, count_trainable
from tamiyo.recipes import (
    RunConfig,
    build_effective_task,
    compare_controllers,
    compare_runs,
    compute_score,
    run_seed,
)
from tamiyo.recipes.compare import _count_recipe, _match_width, _run_static
from tamiyo.tasks import build_host, get_task, widen_recipe
from tests.support.schedules import build_growing_config

STATIC = [
    "static-final, equal epochs",
    "static-final, equal multiply-adds",
    "width family, equal parameters",
    "width family, equal parameters and multiply-adds",
]
QUICK = RunConfig(task="digits-cnn", epochs=11)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return build_growing_config(tmp_path_factory.mktemp("plan"), epochs=17)


@pytest.fixture(scope="module")
def results(setting):
    arms = {"wait-only": replace(setting, controller="wait-only"), "grown": setting}
    return run_seed(arms, "grown", 3)


def test_a_seed_gives_every_arm_and_the_static_networks(results):
    assert list(results) == ["wait-only", "grown", *STATIC]
    assert len(results["grown"].contributions) == 1


def test_the_static_network_is_the_final_structure(results):
    grown = results["grown"]
    assert [results[row].parameters for row in STATIC[:2]] == [grown.parameters] * 2
    assert results[STATIC[0]].contributions == {}


def test_equal_epochs_are_equal(results):
    assert {results[row].epochs for row in (STATIC[0], STATIC[2], "grown")} == {17}


@pytest.mark.parametrize("row", [STATIC[1], STATIC[3]])
def test_equal_multiply_adds_are_equal_to_within_an_epoch(results, row):
    static, grown = results[row], results["grown"]
    per_epoch = static.multiply_adds / static.epochs
    assert abs(static.multiply_adds - grown.multiply_adds) <= per_epoch


def test_static_networks_pay_the_rent_of_their_size(results):
    rent = get_task("digits-cnn").config.rent_points
    host = results["wait-only"].parameters
    for row in STATIC:
        static = results[row]
        assert static.score == compute_score(
            static.test_accuracy,
            parameters=static.parameters,
            host_parameters=host,
            rent_points=rent,
        )
        assert (static.score < static.test_accuracy) == (static.parameters > host)


@pytest.mark.parametrize("task", ["digits-cnn", "digits-canvas"])
@pytest.mark.parametrize("growth", [1.0, 1.2, 1.9, 7.3])
def test_the_width_that_is_matched_is_the_nearest(task, growth):
    host = get_task(task).host
    wanted = round(growth * _count_recipe(host))
    matched = _match_width(get_task(task), wanted)
    start = host.arguments["channels"]
    family = [_count_recipe(widen_recipe(host, start + more)) for more in range(40)]
    assert abs(_count_recipe(matched) - wanted) == min(abs(size - wanted) for size in family)


def test_a_recipe_is_counted_without_building_its_weights():
    host = get_task("digits-cnn").host
    assert _count_recipe(host) == count_trainable(build_host(host))


def test_a_structure_without_fossils_is_the_host_alone():
    task = build_effective_task(QUICK)
    grown = run_seed({"wait-only": replace(QUICK, controller="wait-only")}, None, 0)["wait-only"]
    static = _run_static(QUICK, task, grown, list[Fossil]())
    assert static[STATIC[0]] == static[STATIC[1]] == grown


def test_a_comparison_pairs_every_row_with_the_reference():
    told = []
    comparison = compare_controllers(
        QUICK, ["random-legal"], seeds=2, on_seed=told.append, reference="wait-only"
    )
    assert (comparison.task, comparison.reference) == ("digits-cnn", "wait-only")
    assert (comparison.grown, comparison.seeds, told) == ("random-legal", (0, 1), [1, 2])
    assert [row.name for row in comparison.rows] == ["wait-only", "random-legal", *STATIC]
    reference = comparison.rows[0]
    assert (reference.difference, reference.low, reference.high) == (0, 0, 0)
    for row in comparison.rows[1:]:
        assert row.low <= row.difference <= row.high
        assert row.difference == pytest.approx(row.score - reference.score)
    scores = {row.name: row.score for row in comparison.rows}
    assert list(comparison.leads) == STATIC
    for name, lead in comparison.leads.items():
        assert lead.mean == pytest.approx(scores["random-legal"] - scores[name])


def test_nothing_grows_beside_the_reference():
    comparison = compare_controllers(replace(QUICK, seed=5), ["wait-only"], seeds=2)
    assert (comparison.grown, comparison.seeds) == (None, (5, 6))
    assert [row.name for row in comparison.rows] == ["wait-only"]
    assert {item.name for item in fields(ComparisonRow)} >= {"score", "low", "high"}


@pytest.mark.slow
def test_processes_change_nothing():
    config = {"a": replace(QUICK, controller="wait-only")}
    torch.set_num_threads(1)
    alone, spread = (
        compare_runs(config, seeds=2, reference="a", grown=None, workers=workers)
        for workers in (1, 2)
    )
    assert alone == spread


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
        compare_runs(arms, seeds=2, reference="fine", grown=None, on_seed=told.append)
    assert told == []
