"""Hosts of episodes: one engine for any number of them, one recipe for every seed."""

from __future__ import annotations

import pickle
from dataclasses import replace

import pytest

from tamiyo.contracts import ConfigError, NullSink
from tamiyo.engine import EngineConfig, EngineKind
from tamiyo.environment import HostEnvConfig
from tamiyo.environment.hosts.building import EpisodeKey, PopulationBuilder, choose_engine
from tamiyo.tasks import HostSource
from tests.support.host_envs import QUICK

SIZES = {"single": 74, "narrow": 156, "narrow, noisy": 156, "plain": 148, "plain, noisy": 148}
"""Parameters of the hosts that digits-cnn draws."""


def list_keys(*seeds):
    return [EpisodeKey(seed=seed, environment=row) for row, seed in enumerate(seeds)]


def test_the_engine_is_chosen_as_for_many():
    assert choose_engine(QUICK) == EngineKind.BATCHED
    one_by_one = replace(QUICK, engine=EngineConfig(engine=EngineKind.SEQUENTIAL))
    assert choose_engine(one_by_one) == EngineKind.SEQUENTIAL


def test_equal_seeds_are_equal_hosts_under_numbers_of_their_own():
    builder = PopulationBuilder(config=QUICK, kind=EngineKind.BATCHED)
    one, two, other = builder(list_keys(3, 3, 4), NullSink()).initial
    assert one.measured == two.measured
    assert one.measured != other.measured
    assert [start.host.environment for start in (one, two, other)] == [0, 1, 2]


def test_the_builder_survives_its_way_to_a_worker():
    builder = PopulationBuilder(config=QUICK, kind=EngineKind.BATCHED)
    (ours,) = builder(list_keys(3), NullSink()).initial
    (theirs,) = pickle.loads(pickle.dumps(builder))(list_keys(3), NullSink()).initial
    assert ours == theirs


def test_hosts_that_vary_are_of_the_kinds_their_seeds_draw():
    config = HostEnvConfig(task="digits-cnn", epochs=12, hosts=HostSource.VARIED)
    builder = PopulationBuilder(config=config, kind=EngineKind.BATCHED)
    population = builder(list_keys(*range(8)), NullSink())
    task = config.build_task()
    drawn = [task.distribution.draw(HostSource.VARIED, seed) for seed in range(8)]
    sizes = [start.host.host_parameters for start in population.initial]
    assert len(set(drawn)) > 2
    assert set(sizes) == {SIZES[name] for name in drawn}


def test_a_host_over_the_budget_is_refused():
    config = replace(QUICK, engine=EngineConfig(max_parameters=10))
    with pytest.raises(ConfigError, match="got"):
        choose_engine(config)
