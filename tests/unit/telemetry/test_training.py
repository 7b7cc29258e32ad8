from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import (
    ArtifactError,
    TrainingFinished,
    TrainingStarted,
    UpdateCompleted,
    encode_event,
)
from tamiyo.telemetry import summarize_training
from tests.support.updates import build_update

START = TrainingStarted(
    env_id="tamiyo/Surrogate-v0",
    seed=3,
    config_hash="0123456789abcdef",
    num_envs=64,
    total_steps=3200,
    steps=0,
    parameters=51_000,
)


def update(steps, *, episode_return=1.0, alarms=()):
    report = build_update(steps=steps, alarms=alarms)
    rollout = replace(report.rollout, episode_return=episode_return)
    return UpdateCompleted(report=replace(report, rollout=rollout))


def summarize(*events):
    return summarize_training(encode_event(event) for event in events)


def test_a_training_is_summarized_with_its_curve_and_its_alarms():
    finish = TrainingFinished(updates=2, steps=3200, interrupted=False)
    summary = summarize(
        START, update(1600), update(3200, episode_return=2.0, alarms=("KL",)), finish
    )
    assert (summary.steps, summary.returns) == ((1600, 3200), (1.0, 2.0))
    assert summary.alarms == ((3200, "KL"),)
    assert summary.is_finished


def test_a_rollout_in_which_no_episode_ended_is_no_point_of_the_curve():
    assert summarize(START, update(1600, episode_return=None)).steps == ()


def test_a_stopped_training_is_not_finished_until_it_went_on_to_its_end():
    stopped = TrainingFinished(updates=1, steps=1600, interrupted=True)
    finished = TrainingFinished(updates=2, steps=3200, interrupted=False)
    assert not summarize(START, update(1600), stopped).is_finished
    resumed = replace(START, steps=1600)
    assert summarize(START, update(1600), stopped, resumed, update(3200), finished).is_finished


def test_a_log_of_something_else_is_refused():
    with pytest.raises(ArtifactError, match="must be TrainingStarted, got UpdateCompleted"):
        summarize(update(1600))
    with pytest.raises(ArtifactError, match="must be TrainingStarted, got no event"):
        summarize()
