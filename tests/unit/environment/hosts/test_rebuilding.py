"""A host trained again from its decisions is the host of the episode, bit for bit."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tamiyo.contracts import DecisionMade, EpochCompleted, TamiyoDecision
from tamiyo.engine.batched.population import BatchedPopulation
from tamiyo.environment import EpisodeKey, rebuild_episode
from tamiyo.observation import sample_uniform
from tamiyo.telemetry import MemorySink
from tests.support.host_envs import DECISIONS, QUICK, build_env

SEED = 5


@pytest.fixture(scope="module")
def played():
    """Commands of every environment of an episode at random, and how it ended."""
    env, (_, info) = build_env(seed=SEED)
    slot_ids = env.action_spec.heads[1].choices
    rng = np.random.default_rng(1)
    commands = [[] for _ in range(env.num_envs)]
    for _ in range(DECISIONS):
        actions = sample_uniform(env.action_spec, info["action_mask_by_op"], rng)
        for row, action in enumerate(actions.tolist()):
            commands[row].append(TamiyoDecision.from_action(action, slot_ids).to_command())
        info = env.step(actions)[-1]
    env.close()
    return commands, info["final_info"]


def rebuild(played, row, **changes):
    key = EpisodeKey(seed=SEED + row, environment=row)
    given = {"epochs": QUICK.task_config.max_epochs, "sink": MemorySink()}
    return rebuild_episode(QUICK, key, played[0][row], **(given | changes))


@pytest.mark.parametrize("row", [0, 2])
def test_an_episode_comes_to_the_same_score_alone(played, row):
    again = rebuild(played, row)
    assert again.score == played[1]["score"][row]
    assert again.parameters == played[1]["parameters"][row]
    assert again.diverged == played[1]["diverged"][row]
    assert again.start.host.environment == again.member.environment == row


def test_every_epoch_is_told(played):
    sink, seen = MemorySink(), []
    rebuild(played, 1, sink=sink, on_progress=seen.append)
    epochs = [event for event in sink.events if isinstance(event, EpochCompleted)]
    decisions = [event for event in sink.events if isinstance(event, DecisionMade)]
    assert [event.measured.epoch for event in epochs] == seen == list(range(1, 15))
    assert [event.command for event in decisions] == played[0][1]


def test_an_episode_that_was_cut_off_has_no_score(played):
    again = rebuild(played, 1, epochs=2)
    assert again.score is None
    assert again.parameters >= again.start.host.host_parameters


def test_an_episode_that_diverged_is_scored_where_it_ended(played, monkeypatch):
    step = BatchedPopulation.step

    def diverge(self, commands):
        return [
            replace(result, measured=replace(result.measured, rolled_back="loss is not finite"))
            for result in step(self, commands)
        ]

    monkeypatch.setattr(BatchedPopulation, "step", diverge)
    again = rebuild(played, 1, epochs=2)
    assert again.diverged
    assert again.score is not None
