"""Lockstep: an episode gives the same bytes alone and beside others."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import tamiyo.model.host
import tamiyo.recipes.lockstep
from tamiyo.contracts import ConfigError, EpochCompleted
from tamiyo.engine import EngineConfig, EngineKind
from tamiyo.recipes import (
    Lockstep,
    RunConfig,
    build_effective_task,
    build_task_episode,
    build_task_lockstep,
)
from tests.support.schedules import build_growing_config
from tests.support.tasks import (
    TINY,
    ListSink,
    build_tiny_data,
    build_tiny_host,
    build_tiny_task,
    refuse_engine,
)

SEEDS = [4, 5, 9]
TASK = build_tiny_task()
CONFIG = RunConfig(task="tiny", controller="random-legal")


def run_lockstep(config, seeds=SEEDS):
    """Run seeds of the registered task together; return outcomes, events and weights of each."""
    sinks = []

    def build_sink():
        sinks.append(ListSink())
        return sinks[-1]

    task = build_effective_task(config)
    data = task.load_data()
    with build_task_lockstep(config, task, data, seeds=seeds, build_sink=build_sink) as lockstep:
        outcomes = lockstep.run()
    weights = [member.model.state_dict() for member in lockstep.members]
    return outcomes, [sink.events for sink in sinks], weights


def run_alone(config):
    task, sink = build_effective_task(config), ListSink()
    episode = build_task_episode(config, task, task.load_data(), sink=sink)
    with Lockstep([episode]) as alone:
        (outcome,) = alone.run()
    return outcome, sink.events, episode.member.model.state_dict()


def build_tiny(config=CONFIG, *, sink=None, task=TASK):
    return build_task_episode(
        config, task, build_tiny_data(), sink=sink or ListSink(), build_network=build_tiny_host
    )


@pytest.mark.parametrize("controller", ["grown", "random-legal"])
def test_seeds_in_lockstep_give_the_bytes_of_each_alone(tmp_path, controller):
    config = build_growing_config(tmp_path, epochs=16)
    if controller != "grown":
        config = replace(config, controller=controller)
    outcomes, events, weights = run_lockstep(config)
    for position, seed in enumerate(SEEDS):
        outcome, told, state = run_alone(replace(config, seed=seed))
        assert outcomes[position] == outcome
        assert events[position] == told
        assert list(weights[position]) == list(state)
        assert all(torch.equal(weights[position][name], state[name]) for name in state)
    if controller == "grown":
        assert any(outcome.fossils for outcome in outcomes)
    assert events[0] != events[1]


def test_only_the_first_host_is_probed(monkeypatch):
    probed, probe = [], tamiyo.model.host.probe_slots
    monkeypatch.setattr(
        tamiyo.model.host, "probe_slots", lambda *given: probed.append(1) or probe(*given)
    )
    task = build_effective_task(RunConfig(task="digits-cnn"))
    build_task_lockstep(
        RunConfig(task="digits-cnn"), task, task.load_data(), seeds=SEEDS, build_sink=ListSink
    )
    assert len(probed) == 1


def test_a_stop_ends_all_episodes_after_the_epoch():
    sinks = [ListSink(), ListSink()]
    asked = iter([False, True])
    with Lockstep([build_tiny(sink=sink) for sink in sinks]) as lockstep:
        outcomes = lockstep.run(lambda: next(asked))
    assert [outcome.result.epochs for outcome in outcomes] == [2, 2]
    assert [len(sink.of(EpochCompleted)) for sink in sinks] == [2, 2]
    assert all(sink.events[-1].interrupted for sink in sinks)


def test_it_says_what_trains_and_closes_it():
    closed = []
    with Lockstep([build_tiny()]) as alone:
        alone._population.close = lambda: closed.append(1)
        assert alone.engine.kind == EngineKind.SEQUENTIAL
        assert alone.engine.reason
        assert closed == []
    assert closed == [1]


def test_somebody_must_run():
    with pytest.raises(ConfigError, match="episodes must be at least one, got none"):
        Lockstep([])


def test_episodes_of_another_task_or_engine_do_not_run_together():
    short = replace(TASK, config=replace(TINY, max_epochs=7))
    with pytest.raises(ConfigError, match=r"epochs must be the same .* got 80 and 7"):
        Lockstep([build_tiny(), build_tiny(task=short)])
    small = RunConfig(task="tiny", engine=EngineConfig(max_parameters=90))
    with pytest.raises(ConfigError, match=r"engine must be the same .* max_parameters=90"):
        Lockstep([build_tiny(), build_tiny(small)])


def test_controllers_may_differ():
    sinks = [ListSink(), ListSink()]
    names = ["wait-only", "random-legal"]
    configs = [RunConfig(task="tiny", controller=name) for name in names]
    episodes = [build_tiny(config, sink=s) for config, s in zip(configs, sinks, strict=True)]
    with Lockstep(episodes) as lockstep:
        lockstep.run(lambda: True)
    assert [sink.events[0].controller for sink in sinks] == names


def test_an_engine_that_cannot_train_them_is_refused(monkeypatch):
    asked = []

    def refuse(members, kind):
        asked.append((len(members), kind))
        refuse_engine(members, kind)

    monkeypatch.setattr(tamiyo.recipes.lockstep, "build_population", refuse)
    config = replace(CONFIG, engine=EngineConfig(engine=EngineKind.BATCHED))
    with pytest.raises(ConfigError, match="got batched"):
        Lockstep([build_tiny(config), build_tiny(config)])
    assert asked == [(2, EngineKind.BATCHED)]
