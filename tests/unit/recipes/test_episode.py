from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import (
    ConfigError,
    DecisionMade,
    EpochCompleted,
    RunFinished,
    RunStarted,
    ScheduleError,
    TamiyoInitiated,
    UnknownNameError,
)
from tamiyo.engine import EngineConfig
from tamiyo.recipes import Lockstep, RunConfig, build_task_episode, hash_config
from tests.support.tasks import (
    TINY,
    ListSink,
    build_tiny_data,
    build_tiny_host,
    build_tiny_task,
)

CONFIG = RunConfig(task="tiny", controller="random-legal")
TASK = build_tiny_task()


def build(config=CONFIG, *, sink=None, task=TASK):
    data = build_tiny_data()
    sink = sink or ListSink()
    return build_task_episode(config, task, data, sink=sink, build_network=build_tiny_host)


def run(episode, should_stop=lambda: False):
    with Lockstep([episode]) as alone:
        (outcome,) = alone.run(should_stop)
    return outcome.result


def test_a_run_announces_itself_decides_until_closing_and_is_judged():
    sink = ListSink()
    result = run(build(sink=sink))
    assert isinstance(sink.events[0], RunStarted)
    assert sink.events[0].config_hash == hash_config(CONFIG, TINY)
    decided = [event.epoch for event in sink.of(DecisionMade)]
    assert decided == list(range(1, TINY.decision_epochs + 1))
    assert len(sink.of(EpochCompleted)) == TINY.max_epochs
    (finished,) = sink.of(RunFinished)
    assert sink.events[-1] is finished
    assert (finished.test_accuracy, finished.score) == (result.test_accuracy, result.score)
    assert (finished.interrupted, result.epochs) == (False, TINY.max_epochs)


def test_every_decision_says_what_was_legal_and_what_moved():
    sink = ListSink()
    run(build(sink=sink))
    decisions = sink.of(DecisionMade)
    assert all(event.command.op in event.evidence.legal_ops for event in decisions)
    assert decisions[0].evidence.moved == ()
    assert all(event.evidence.moved for event in decisions[1:])


def test_no_uncommitted_seed_is_in_the_result():
    episode = build()
    with Lockstep([episode]) as alone:
        (outcome,) = alone.run()
    seeds = [slot.seed for slot in episode.member.model.slots.values() if slot.seed]
    assert {seed.stage.name for seed in seeds} <= {"FOSSILIZED"}
    assert list(outcome.result.contributions) == [seed.seed_id for seed in seeds]
    assert [fossil.seed_id for fossil in outcome.fossils] == [seed.seed_id for seed in seeds]


def test_the_same_seed_gives_the_same_events_and_another_one_does_not():
    first, again, other = ListSink(), ListSink(), ListSink()
    run(build(sink=first))
    run(build(sink=again))
    run(build(replace(CONFIG, seed=1), sink=other))
    assert first.events == again.events
    assert first.events != other.events


def test_a_stop_ends_the_run_after_the_epoch():
    sink, asked = ListSink(), iter([False, False, True])
    result = run(build(sink=sink), lambda: next(asked))
    assert result.epochs == len(sink.of(EpochCompleted)) == 3
    assert sink.events[-1].interrupted


def test_a_stop_in_the_last_epoch_interrupts_nothing():
    sink = ListSink()
    episode = build(sink=sink)
    result = run(episode, lambda: episode.member.epochs_completed == TINY.max_epochs)
    assert result.epochs == TINY.max_epochs
    assert not sink.events[-1].interrupted


def test_stabilization_is_told_once():
    sink = ListSink()
    run(build(replace(CONFIG, controller="wait-only"), sink=sink))
    assert len(sink.of(TamiyoInitiated)) <= 1


@pytest.mark.parametrize("name", ["TAMIYO_DEBUG", "ESPER_DEBUG_STAGE"])
def test_the_environment_turns_the_assertions_on(monkeypatch, name):
    for other in ("TAMIYO_DEBUG", "ESPER_DEBUG_STAGE"):
        monkeypatch.delenv(other, raising=False)
    assert not build().member._check_invariants
    monkeypatch.setenv(name, "1")
    assert build().member._check_invariants


def test_an_unknown_controller_is_refused():
    with pytest.raises(UnknownNameError, match=r"controller must be one of .* got 'magic'"):
        build(replace(CONFIG, controller="magic"))


def test_a_schedule_that_does_not_fit_the_host_is_refused(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text('[[seed]]\nslot = "r7c7"\ngerminate = 1\nblueprint = "norm"\n')
    with pytest.raises(ScheduleError, match="r7c7"):
        build(replace(CONFIG, controller=f"schedule:{path}"))


def test_a_host_above_the_budget_is_refused():
    with pytest.raises(ConfigError, match="max_parameters must be at least the host's 85, got 84"):
        build(replace(CONFIG, engine=EngineConfig(max_parameters=84)))


def test_a_task_whose_initial_loss_is_another_one_is_refused():
    task = replace(TASK, config=replace(TINY, initial_loss=0.2))
    with pytest.raises(ConfigError, match=r"initial loss of task tiny must be in .* got 1\.\d+"):
        build(task=task)
