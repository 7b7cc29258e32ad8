"""What episodes are like: what is refused, and what follows from the settings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import ConfigError, UnknownNameError
from tamiyo.environment import Baseline, HostEnvConfig
from tamiyo.rewards import RewardConfig, RewardPreset
from tamiyo.tasks import HostSource, get_task


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gamma": 1.2}, "gamma must be at most 1, got 1.2"),
        ({"gamma": -0.1}, "gamma must be at least 0, got -0.1"),
        ({"group_size": 0}, "group_size must be at least 1, got 0"),
        ({"baseline": Baseline.GROUP}, "group_size must be at least 2 .* got 1"),
        ({"baseline": "mean"}, "baseline must be none or twin or group, got 'mean'"),
        ({"epochs": 10}, "epochs must be more than the 10 closing epochs"),
        (
            {"task": "spirals", "hosts": HostSource.VARIED},
            "hosts must be fixed on task spirals, got varied",
        ),
    ],
)
def test_what_no_episode_can_have_is_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        HostEnvConfig(**changes)


def test_an_unknown_task_is_refused():
    with pytest.raises(UnknownNameError, match="got 'cifar'"):
        HostEnvConfig(task="cifar")


def test_a_twin_is_trained_where_something_asks_for_it():
    alone = HostEnvConfig(baseline=Baseline.NONE)
    assert not alone.has_twins
    assert HostEnvConfig().has_twins
    assert HostEnvConfig(baseline=Baseline.GROUP, group_size=2).has_twins
    assert replace(alone, reward=RewardConfig.preset(RewardPreset.SHAPED)).has_twins


def test_epochs_are_those_of_the_task_unless_given():
    task = get_task("digits-cnn").config
    assert HostEnvConfig().task_config == task
    assert HostEnvConfig(epochs=20).task_config == replace(task, max_epochs=20)
