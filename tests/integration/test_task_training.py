"""A controller learns on real hosts: trained, stopped, resumed in other processes, judged."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import GAIN_METRIC, NullSink, UpdateCompleted
from tamiyo.engine import EngineConfig
from tamiyo.environment import Baseline, HostEnvConfig
from tamiyo.learning import TrainerConfig
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import TrainConfig, evaluate_controller, resume_training, train_controller
from tamiyo.telemetry import MemorySink, read_events, summarize_training
from tests.support.tasks import EAGER

CONFIG = TrainConfig(
    task="spirals",
    envs=8,
    learner=TrainerConfig(total_steps=2 * 8 * 4, network=NetworkConfig(hidden=8, slot_hidden=4)),
    hosts=HostEnvConfig(
        epochs=14,
        group_size=4,
        baseline=Baseline.GROUP,
        engine=EngineConfig(lifecycle=EAGER),
    ),
)
"""Two updates of one rollout of four decisions each."""


ONCE = {"TrainingStarted", "TrainingFinished", "CheckpointWritten", "PhasesTimed"}


def read_repeatable(result):
    """What a log holds but for what the process that trains tells of itself."""
    log = read_events(result.folder.events)
    assert (log.damaged_count, log.is_torn) == (0, False)
    events = [event for event in log.events if event["event"] not in ONCE]
    return [{key: value for key, value in event.items() if key != "time"} for event in events]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    sink = MemorySink()
    path = tmp_path_factory.mktemp("runs") / "whole"
    return train_controller(CONFIG, path, sink=sink), sink


def test_updates_tell_what_the_episodes_came_to(trained):
    result, sink = trained
    reports = [event.report for event in sink.events if isinstance(event, UpdateCompleted)]
    assert (result.updates, len(reports)) == (2, 2)
    for report in reports:
        told = report.rollout.environment
        # A group is its own baseline: nothing is left of the mean return, but of the gain.
        assert report.rollout.episode_return == pytest.approx(0, abs=1e-4)
        assert told["reward/terminal"] + told["reward/baseline"] == pytest.approx(0, abs=1e-9)
        assert GAIN_METRIC in told
    summary = summarize_training(read_events(result.folder.events).events)
    assert summary.returns == tuple(r.rollout.environment[GAIN_METRIC] for r in reports)


@pytest.mark.parametrize("step", [3, 6])
@pytest.mark.requirement("8.3")
def test_a_rollout_stopped_in_its_middle_is_finished_in_other_processes(tmp_path, trained, step):
    asked = iter(range(1, 100))
    first = train_controller(
        CONFIG, tmp_path / "run", sink=NullSink(), should_stop=lambda: next(asked) == step
    )
    assert first.interrupted
    second = resume_training(tmp_path / "run", workers=2, sink=NullSink())
    whole, _ = trained
    assert second.folder.checkpoint.read_bytes() == whole.folder.checkpoint.read_bytes()
    assert read_repeatable(second) == read_repeatable(whole)


def test_events_after_the_last_checkpoint_are_told_again_and_only_once(tmp_path, trained):
    asked = iter(range(1, 100))
    stopped = train_controller(
        CONFIG, tmp_path / "run", sink=NullSink(), should_stop=lambda: next(asked) == 3
    )
    old = stopped.folder.checkpoint.read_bytes()
    asked = iter(range(1, 100))
    resume_training(tmp_path / "run", sink=NullSink(), should_stop=lambda: next(asked) == 5)
    # As if the process had died before it could write the later checkpoint, in an event.
    stopped.folder.checkpoint.write_bytes(old)
    with stopped.folder.events.open("ab") as log:
        log.write(b'{"schema":3,"time":"2026-')
    resumed = resume_training(tmp_path / "run", sink=NullSink())
    whole, _ = trained
    assert read_repeatable(resumed) == read_repeatable(whole)


def test_the_first_environments_are_told_event_by_event(trained):
    result, _ = trained
    events = read_events(result.folder.events).events
    starts = [event for event in events if event["event"] == "EpisodeStarted"]
    assert [(start["environment"], start["episode"]) for start in starts] == [
        (0, 0),
        (1, 0),
        (0, 1),
        (1, 1),
    ]
    decisions = [event for event in events if event["event"] == "DecisionMade"]
    assert len(decisions) == 2 * 2 * 4
    for decision in decisions:
        evidence = decision["evidence"]
        assert decision["command"]["op"] in evidence["probabilities"]["OP"]
        assert list(evidence["probabilities"]["OP"]) == evidence["legal_ops"]
        assert evidence["value"] is not None
        assert bool(evidence["moved"]) == (decision["epoch"] > 1)


@pytest.mark.requirement("5.5", "7.8")
def test_rewards_sum_to_the_returns_and_phases_to_the_time(trained):
    result, _ = trained
    events = read_events(result.folder.events).events
    paid = sum(sum(e["parts"].values()) for e in events if e["event"] == "RewardPaid")
    returned = sum(e["episode_return"] for e in events if e["event"] == "EpisodeFinished")
    assert paid == pytest.approx(returned, abs=1e-9)
    phases = [event for event in events if event["event"] == "PhasesTimed"]
    assert [event["steps"] for event in phases] == [32, 32]
    assert set(phases[0]["seconds"]) == {"policy", "environment", "update", "record", "other"}
    assert phases[0]["seconds"]["environment"] > phases[0]["seconds"]["policy"] > 0
    assert [e["updates"] for e in events if e["event"] == "CheckpointWritten"] == [1, 2]


def test_nothing_is_told_of_hosts_where_nothing_is_asked_for(tmp_path):
    result = train_controller(
        replace(CONFIG, record_envs=0), tmp_path / "run", sink=NullSink(), should_stop=lambda: False
    )
    names = {event["event"] for event in read_events(result.folder.events).events}
    assert "EpochCompleted" not in names
    assert "UpdateCompleted" in names


def test_another_training_can_be_begun_with_what_was_learned(tmp_path, trained):
    whole, _ = trained
    config = TrainConfig(
        task="spirals",
        envs=8,
        learner=CONFIG.learner,
        hosts=CONFIG.hosts,
        start=str(whole.folder.path),
        seed=1,
    )
    result = train_controller(config, tmp_path / "next", sink=NullSink())
    assert result.updates == 2


@pytest.mark.slow
def test_it_is_judged_on_the_task_beside_simpler_ones(trained):
    result, _ = trained
    shares = []
    comparison = evaluate_controller(result.folder.path, seeds=2, on_progress=shares.append)
    names = [row.name for row in comparison.rows]
    assert names[:4] == ["wait-only", "random-legal", "heuristic", "learned"]
    assert (comparison.task, comparison.grown) == ("spirals", "learned")
    assert comparison.rows[0].difference == 0.0
    assert shares[-1] == pytest.approx(1.0)
