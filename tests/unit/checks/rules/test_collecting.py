"""Checks of rollouts and updates: green on a real rehearsal, red on a doctored one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.checks.evidence import rehearse
from tamiyo.checks.rules.collecting import (
    check_advantages,
    check_bootstraps,
    check_memory,
    check_ratios,
    check_returns,
    check_rows,
)
from tamiyo.environment import SurrogateVectorEnv
from tamiyo.learning import Normalization, PPOConfig
from tests.support.evidence import LEARNER, SURROGATE, change_round, look, observe_learner

CHECKS = [
    check_rows,
    check_returns,
    check_bootstraps,
    check_memory,
    check_ratios,
    check_advantages,
]


@pytest.mark.parametrize("check", CHECKS)
def test_a_real_rehearsal_holds(check):
    assert look(check, observe_learner())[0]


OTHERS = {
    "without memory": replace(LEARNER, network=replace(LEARNER.network, recurrent=False)),
    "rewards": replace(LEARNER, ppo=PPOConfig(normalization=Normalization.REWARDS, gamma=0.9)),
}


@pytest.mark.parametrize("config", OTHERS.values(), ids=OTHERS)
def test_learners_of_other_kinds_hold(config):
    rehearsal = rehearse(SurrogateVectorEnv(6, SURROGATE), config, steps=7, seed=3)
    evidence = replace(observe_learner(), rehearsal=rehearsal)
    assert [look(check, evidence)[0] for check in CHECKS] == [True] * len(CHECKS)


def shift(tensor):
    return tensor.roll(1, 1)


@pytest.mark.parametrize("field", ["masks", "actions", "rewards_raw"])
def test_a_field_of_another_environment_is_found(field):
    doctored = change_round(observe_learner(), **{field: shift})
    holds, told = look(check_rows, doctored)
    assert not holds
    assert "are another row's" in told


def test_a_value_after_a_cut_of_another_environment_is_found():
    doctored = change_round(observe_learner(), cut_values=lambda values: values.roll(1, 0))
    holds, told = look(check_bootstraps, doctored)
    assert not holds
    assert "of them another environment's" in told


def test_a_stray_bootstrap_value_is_found():
    doctored = change_round(observe_learner(), bootstrap_values=lambda values: values + 1)
    assert not look(check_bootstraps, doctored)[0]


MEMORIES = {
    "states": lambda states: states.roll(1, 0),
    "log_probs": lambda log_probs: log_probs - 0.01,
    "episode_starts": lambda starts: starts.roll(1, 0),
}


@pytest.mark.parametrize(("field", "change"), MEMORIES.items(), ids=MEMORIES)
def test_a_memory_that_does_not_belong_there_is_found(field, change):
    assert not look(check_memory, change_round(observe_learner(), **{field: change}))[0]


def test_a_memory_lost_at_a_cut_is_found():
    def forget(states):
        states[0] = 0
        return states

    holds, told = look(check_memory, change_round(observe_learner(), states=forget))
    assert not holds
    assert "go on after a cut with their memory" in told


def test_moments_of_other_advantages_are_found():
    evidence = observe_learner()
    *earlier, last = evidence.rehearsal.rounds
    told = replace(last.report.advantages, mean=last.report.advantages.mean + 1)
    report = replace(last.report, advantages=told)
    rounds = (*earlier, replace(last, report=report))
    doctored = replace(evidence, rehearsal=replace(evidence.rehearsal, rounds=rounds))
    assert not look(check_advantages, doctored)[0]


def test_a_transition_that_was_not_learned_from_is_found():
    evidence = observe_learner()
    first, *rest = evidence.updates
    fewer = replace(first, advantages=replace(first.advantages, count=1))
    holds, told = look(check_advantages, replace(evidence, updates=(fewer, *rest)))
    assert not holds
    assert "update 1 has 1 advantages of 42 transitions" in told


def test_without_a_learner_there_is_nothing_to_look_at():
    evidence = replace(observe_learner(), rehearsal=None, updates=())
    assert [list(check(evidence)) for check in CHECKS] == [[]] * len(CHECKS)
