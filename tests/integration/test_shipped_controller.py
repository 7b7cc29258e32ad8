"""The controller that comes with the package does what its card says."""

from __future__ import annotations

import pytest

from tamiyo.contracts import NullSink
from tamiyo.controller import ControllerConfig
from tamiyo.recipes import Lockstep, RunConfig, build_run_controller, build_task_episode
from tamiyo.tasks import get_task

DIGITS = get_task("digits-cnn")
SEEDS = range(70_000_000, 70_000_008)


def count_fossils(kind):
    """Let it grow hosts of one kind; returns how many seeds each keeps."""
    data, episodes = DIGITS.load_data(), []
    for seed in SEEDS:
        task, own = DIGITS.apply_conditions(data, DIGITS.distribution.get(kind), seed)
        controller = build_run_controller(
            "learned", ControllerConfig(), task.config, slot_ids=tuple(task.slots), seed=seed
        )
        config = RunConfig(task="digits-cnn", seed=seed)
        episodes.append(
            build_task_episode(config, task, own, sink=NullSink(), controller=controller)
        )
    with Lockstep(episodes) as lockstep:
        return [len(outcome.fossils) for outcome in lockstep.run()]


@pytest.mark.parametrize("kind", ["narrow", pytest.param("plain", marks=pytest.mark.slow)])
def test_it_grows_most_hosts_that_lack_something(kind):
    assert sum(count > 0 for count in count_fossils(kind)) > len(SEEDS) // 2


@pytest.mark.parametrize(
    "kind", ["plain, noisy", pytest.param("narrow, noisy", marks=pytest.mark.slow)]
)
def test_it_leaves_most_hosts_alone_that_learn_from_wrong_labels(kind):
    assert sum(count == 0 for count in count_fossils(kind)) > len(SEEDS) // 2
