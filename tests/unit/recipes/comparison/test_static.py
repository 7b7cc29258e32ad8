from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import NullSink, compute_score
from tamiyo.model import count_trainable
from tamiyo.recipes import (
    EpisodeOutcome,
    RunConfig,
    build_effective_task,
    run_seeds,
)
from tamiyo.recipes.comparison.static import (
    STATIC_ROWS,
    _count_recipe,
    _match_width,
    train_static,
)
from tamiyo.tasks import build_host, get_task, widen_recipe
from tests.support.schedules import build_growing_config

QUICK = RunConfig(task="digits-cnn", epochs=11)


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    return build_growing_config(tmp_path_factory.mktemp("plan"), epochs=17)


@pytest.fixture(scope="module")
def results(setting):
    arms = {"wait-only": replace(setting, controller="wait-only"), "grown": setting}
    (found,) = run_seeds(arms, "grown", [3])
    return found


def test_a_seed_gives_every_arm_and_the_static_networks(results):
    assert list(results) == ["wait-only", "grown", *STATIC_ROWS]
    assert len(results["grown"].contributions) == 1


def test_the_static_network_is_the_final_structure(results):
    grown = results["grown"]
    assert [results[row].parameters for row in STATIC_ROWS[:2]] == [grown.parameters] * 2
    assert results[STATIC_ROWS[0]].contributions == {}


def test_equal_epochs_are_equal(results):
    assert {results[row].epochs for row in (STATIC_ROWS[0], STATIC_ROWS[2], "grown")} == {17}


@pytest.mark.parametrize("row", [STATIC_ROWS[1], STATIC_ROWS[3]])
def test_equal_multiply_adds_are_equal_to_within_an_epoch(results, row):
    static, grown = results[row], results["grown"]
    per_epoch = static.multiply_adds / static.epochs
    assert abs(static.multiply_adds - grown.multiply_adds) <= per_epoch


def test_static_networks_pay_the_rent_of_their_size(results):
    rent = get_task("digits-cnn").config.rent_points
    host = results["wait-only"].parameters
    for row in STATIC_ROWS:
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
    waiting = {"wait-only": replace(QUICK, controller="wait-only")}
    (results,) = run_seeds(waiting, None, [0])
    grown = EpisodeOutcome(result=results["wait-only"], fossils=())
    static = train_static(QUICK, task, task.load_data(), grown, build_sink=NullSink)
    assert static[STATIC_ROWS[0]] == static[STATIC_ROWS[1]] == grown.result
