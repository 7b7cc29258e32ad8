from __future__ import annotations

import pytest

from tamiyo.contracts import EpochCompleted
from tamiyo.recipes import Lockstep, RunConfig, build_task_episode
from tamiyo.recipes.comparison.counting import EpochCounter
from tests.support.tasks import TINY, build_tiny_data, build_tiny_host, build_tiny_task


def test_a_run_is_one_network_in_as_many_parts_as_it_has_epochs():
    told = []
    config = RunConfig(task="tiny", controller="random-legal")
    episode = build_task_episode(
        config,
        build_tiny_task(),
        build_tiny_data(),
        sink=EpochCounter(told.append),
        build_network=build_tiny_host,
    )
    with Lockstep([episode]) as alone:
        alone.run()
    assert len(told) == TINY.max_epochs
    assert sum(told) == pytest.approx(1)


def test_other_events_are_not_counted():
    told = []
    EpochCounter(told.append).emit(EpochCompleted)
    assert told == []
