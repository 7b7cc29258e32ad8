"""A trained controller beside what it is measured by."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import ArtifactError, ConfigError, NullSink
from tamiyo.environment import SurrogateConfig
from tamiyo.learning import TrainerConfig, load_policy
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import evaluate_controller, evaluate_policy, train_controller
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
def quick_search(monkeypatch):
    search = evaluate.search_schedule
    quick = {"tries": 8, "generations": 1}
    monkeypatch.setattr(
        evaluate, "search_schedule", lambda family, **given: search(family, **given, **quick)
    )


@pytest.fixture
def comparison(surrogate_run, quick_search):
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


def test_a_controller_for_one_slot_is_judged_on_five_without_the_bound(surrogate_run, quick_search):
    comparison = evaluate_controller(surrogate_run, seeds=2, slots=5)
    names = [row.name for row in comparison.rows]
    assert {"learned", "best schedule"} < set(names)
    assert "clairvoyant" not in names
    assert "must be at most 10,000,000" in comparison.skipped["clairvoyant"]


def test_a_bound_that_is_there_is_not_explained_away(comparison):
    assert comparison.skipped == {}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 1}, "seeds must be at least 2, got 1"),
        ({"first_seed": -1}, "first_seed must be at least 0, got -1"),
        ({"slots": 0}, "slots must be at least 1, got 0"),
    ],
)
def test_what_leaves_nothing_to_compare_is_refused(surrogate_run, change, message):
    with pytest.raises(ConfigError, match=message):
        evaluate_controller(surrogate_run, **{"seeds": 2} | change)


def test_only_the_surrogate_can_have_other_slots(tmp_path):
    config = replace(CONFIG, env="surrogate-tiny", surrogate=SurrogateConfig())
    train_controller(config, tmp_path / "run", sink=NullSink())
    with pytest.raises(ConfigError, match="but for env surrogate, got surrogate-tiny"):
        evaluate_controller(tmp_path / "run", seeds=2, slots=3)


@pytest.mark.parametrize("change", [{"slots": 2}, {"telemetry": True}])
def test_a_checkpoint_of_another_layout_is_refused_before_the_search(
    surrogate_run, tmp_path, monkeypatch, change
):
    searched = []
    monkeypatch.setattr(evaluate, "search_schedule", lambda *_, **__: searched.append(1))
    config = replace(CONFIG, surrogate=replace(CONFIG.surrogate, **change))
    train_controller(config, tmp_path / "run", sink=NullSink())
    checkpoint = (surrogate_run / "checkpoint.safetensors").read_bytes()
    (tmp_path / "run" / "checkpoint.safetensors").write_bytes(checkpoint)
    with pytest.raises(ArtifactError, match=r"must have the policy's layout .*, got layout"):
        evaluate_controller(tmp_path / "run", seeds=2)
    assert not searched
    policy = load_policy(surrogate_run / "checkpoint.safetensors")
    with pytest.raises(ArtifactError, match=r"must have the policy's layout .*, got layout"):
        evaluate_policy(policy, config.surrogate, episodes=2, seed=0, deterministic=True)
