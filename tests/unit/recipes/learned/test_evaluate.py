"""A trained controller beside what it is measured by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import ConfigError, NullSink
from tamiyo.environment import SurrogateConfig
from tamiyo.learning import TrainerConfig
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import evaluate_controller, train_controller
from tamiyo.recipes.learned import evaluate
from tamiyo.recipes.learned.config import TrainConfig

CONFIG = TrainConfig(
    envs=4,
    learner=TrainerConfig(
        total_steps=40, rollout_steps=10, network=NetworkConfig(hidden=8, slot_hidden=4)
    ),
    surrogate=SurrogateConfig(slots=1, max_epochs=15),
)


@pytest.fixture(scope="module")
def surrogate_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("surrogate") / "run"
    train_controller(CONFIG, folder, sink=NullSink())
    return folder


@pytest.fixture
def comparison(surrogate_run, monkeypatch):
    search = evaluate.search_schedule
    quick = {"tries": 8, "generations": 1}
    monkeypatch.setattr(
        evaluate, "search_schedule", lambda family, **given: search(family, **given, **quick)
    )
    return evaluate_controller(surrogate_run, seeds=16)


def test_the_rows_are_those_of_a_comparison_with_the_bound_last(comparison):
    names = [row.name for row in comparison.rows]
    assert names == [
        "wait-only",
        "random-legal",
        "best schedule",
        "heuristic",
        "learned",
        "learned, sampled",
        "clairvoyant",
    ]
    assert (comparison.reference, comparison.grown) == ("wait-only", "learned")
    assert comparison.seeds == tuple(range(16))


def test_no_row_is_above_the_bound_and_waiting_differs_from_itself_by_nothing(comparison):
    *rows, bound = comparison.rows
    assert all(row.score <= bound.score for row in rows)
    assert (rows[0].difference, rows[0].low, rows[0].high) == (0.0, 0.0, 0.0)
    assert (rows[0].parameters, rows[0].fossils) == (400.0, 0.0)


def test_what_a_bound_does_not_have_is_unknown(comparison):
    bound = comparison.rows[-1]
    assert (bound.test_accuracy, bound.parameters, bound.fossils) == (None, None, None)
    assert all(row.multiply_adds is None for row in comparison.rows)


def test_learned_stands_against_every_other_row(comparison):
    others = {row.name for row in comparison.rows} - {"learned", "wait-only"}
    assert set(comparison.leads) == others
    assert comparison.leads["clairvoyant"].high <= 0


def test_an_environment_without_hosts_has_the_returns_of_its_episodes(tmp_path):
    config = replace(CONFIG, env="tamiyo/ProbeActionOnly-v0", surrogate=SurrogateConfig())
    train_controller(config, tmp_path / "run", sink=NullSink())
    comparison = evaluate_controller(tmp_path / "run", seeds=6)
    assert [row.name for row in comparison.rows] == ["learned, sampled", "learned"]
    assert all(0 <= row.score <= 1 for row in comparison.rows)


def test_one_seed_is_no_comparison(surrogate_run):
    with pytest.raises(ConfigError, match="seeds must be at least 2, got 1"):
        evaluate_controller(surrogate_run, seeds=1)
