"""EpisodeRecorder: what is told of episodes, and that it does not depend on who trains them."""

from __future__ import annotations

import numpy as np
import pytest

from tamiyo.contracts import (
    DecisionMade,
    EpisodeFinished,
    EpisodeStarted,
    EpochCompleted,
    Head,
    RewardPaid,
    encode_event,
)
from tamiyo.environment import HostVectorEnv
from tamiyo.observation import sample_uniform
from tests.support.host_envs import DECISIONS, QUICK, play_random
from tests.support.tasks import ListSink

EPOCHS = QUICK.epochs


def play(num_envs, *, told, steps=DECISIONS, workers=1, **changes):
    """Play random legal actions; return what was told."""
    env = HostVectorEnv(num_envs, QUICK, workers=workers, **changes)
    sink = ListSink()
    env.record(sink, told)
    for _ in play_random(env, env.reset(seed=3), steps):
        pass
    env.close()
    return sink


@pytest.fixture(scope="module")
def played():
    """An episode of three environments and the first step of the next, two of them told."""
    return play(3, told=2, steps=DECISIONS + 1)


def test_an_episode_is_told_from_its_start_to_its_end(played):
    own = [event for event in played.events if event.environment == 1]
    kinds = [type(event) for event in own]
    assert kinds[0] is EpisodeStarted
    end = kinds.index(EpisodeFinished)
    assert kinds[:end].count(DecisionMade) == kinds[:end].count(RewardPaid) == DECISIONS
    assert kinds[:end].count(EpochCompleted) == EPOCHS
    assert kinds[end + 1] is EpisodeStarted
    assert [event.episode for event in own if isinstance(event, EpisodeStarted)] == [0, 1]


def test_an_end_says_what_the_episode_came_to(played):
    for end in played.of(EpisodeFinished):
        paid = [event for event in played.of(RewardPaid) if event.environment == end.environment]
        total = sum(event.parts.total for event in paid[:DECISIONS])
        assert end.episode_return == pytest.approx(total)
        assert end.host_score is not None
        assert end.counters.seeds_created >= 0


def test_rewards_are_paid_for_the_epochs_of_the_decisions(played):
    decided = [(event.environment, event.epoch) for event in played.of(DecisionMade)]
    assert [(event.environment, event.epoch) for event in played.of(RewardPaid)] == decided


def test_only_the_environments_that_were_asked_for_are_told(played):
    assert {event.environment for event in played.events} == {0, 1}


def test_more_environments_than_there_are_is_all():
    assert {event.environment for event in play(2, told=9, steps=1).events} == {0, 1}


def test_an_episode_that_was_never_played_leaves_nothing():
    assert play(2, told=2, steps=0).events == []


def test_a_decision_has_its_own_evidence(played):
    for event in played.of(DecisionMade):
        assert event.command.op in event.evidence.legal_ops
        assert bool(event.evidence.moved) == (event.epoch > 1)
        assert event.evidence.value is None


def test_what_a_learner_thinks_becomes_evidence_of_the_next_decision_only():
    env = HostVectorEnv(2, QUICK)
    sink = ListSink()
    recorder = env.record(sink, 2)
    start = env.reset(seed=0)
    recorder.hear(1, {"op": {"WAIT": 1.0}}, 2.5)
    for _ in play_random(env, start, 2):
        pass
    heard = [event.evidence for event in sink.of(DecisionMade)]
    assert [evidence.value for evidence in heard] == [None, 2.5, None, None]
    assert heard[1].probabilities == {Head.OP: {"WAIT": 1.0}}


def test_processes_tell_what_one_alone_does():
    alone = play(8, told=5, steps=2)
    shared = play(8, told=5, steps=2, workers=2)
    assert [encode_event(event) for event in shared.events] == [
        encode_event(event) for event in alone.events
    ]


def test_twins_are_not_told():
    told = play(2, told=2, steps=1, group_size=1)
    assert len(told.of(EpochCompleted)) == 2


def test_going_on_elsewhere_tells_the_rest_as_if_nothing_had_happened():
    def build(sink):
        env = HostVectorEnv(2, QUICK)
        env.record(sink, 2)
        return env, env.reset(seed=3)

    whole, first, second = ListSink(), ListSink(), ListSink()
    env, start = build(whole)
    outcomes = list(play_random(env, start, DECISIONS))
    env, start = build(first)
    for _ in play_random(env, start, 2):
        pass
    state = env.state_dict()
    env, _ = build(second)
    env.load_state_dict(state)
    del outcomes
    assert second.events == []
    rest = play_rest(env)
    told = [encode_event(event) for event in [*first.events, *second.events]]
    assert rest
    assert told == [encode_event(event) for event in whole.events]


def play_rest(env):
    """Play the last two of four steps of random actions, as if the first two had been played."""
    rng = np.random.default_rng(0)
    for _ in range(2):
        rng.random((env.num_envs, len(env.action_spec.heads)))
    outcomes = []
    masks = env._masks
    for _ in range(2):
        outcomes.append(env.step(sample_uniform(env.action_spec, masks, rng)))
        masks = outcomes[-1][-1]["action_mask_by_op"]
    return outcomes
