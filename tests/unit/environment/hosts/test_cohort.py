"""Cohorts: episodes that end early, their scores, and who is compared with whom."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tamiyo.contracts import Blueprint, LifecycleOp
from tamiyo.engine import EngineKind
from tamiyo.environment.hosts.building import PopulationBuilder
from tamiyo.environment.hosts.cohort import Cohort
from tamiyo.environment.hosts.config import Baseline
from tests.support.host_envs import DECISIONS, QUICK

HEADS = 8
GERMINATE = [LifecycleOp.GERMINATE, 0, Blueprint.NORM, 0, 0, 2, 0, 0]


class Diverging:
    """A population in which training of one environment diverges in one epoch."""

    def __init__(self, population, place, epoch):
        self._population, self._place, self._epoch = population, place, epoch
        self.initial = population.initial
        self.closed = False

    def step(self, commands):
        results = self._population.step(commands)
        found = results[self._place]
        if found.measured.epoch == self._epoch:
            measured = replace(found.measured, rolled_back="loss is not finite")
            results[self._place] = replace(found, measured=measured)
        return results

    def begin_closing(self):
        self._population.begin_closing()

    def judge(self):
        return self._population.judge()

    def close(self):
        self.closed = True


def build(seeds, *, config=QUICK, diverges=None):
    build_population = PopulationBuilder(config=config, kind=EngineKind.BATCHED)
    opened = []

    def open_population(keys, sink):
        population = build_population(keys, sink)
        opened.append(population if diverges is None else Diverging(population, *diverges))
        return opened[-1]

    return Cohort(config, seeds, open_population), opened[0]


def wait(cohort):
    return np.zeros((len(cohort.seeds), HEADS), np.int64)


def test_the_last_step_closes_and_judges_what_is_committed():
    cohort, _ = build({5: 1, 7: 2})
    for _ in range(DECISIONS - 1):
        outcomes = cohort.step(wait(cohort))
        assert all(outcome.end is None for outcome in outcomes.values())
    ends = {row: outcome.end for row, outcome in cohort.step(wait(cohort)).items()}
    assert list(ends) == [5, 7]
    for end in ends.values():
        assert end.score == end.host_score
        assert (end.committed, end.diverged) == ((0, 0), False)


@pytest.mark.requirement("8.6")
def test_a_diverged_episode_ends_at_once_on_what_was_restored():
    # The twin of the first stands before it.
    cohort, _ = build({0: 1, 1: 2}, diverges=(1, 2))
    cohort.step(wait(cohort))
    outcomes = cohort.step(wait(cohort))
    end, parts = outcomes[0].end, outcomes[0].parts
    assert outcomes[1].end is None
    assert end.diverged
    assert end.score == cohort.courses[0].latest.measured.committed_accuracy
    assert parts.terminal == end.score - QUICK.reward.divergence_points
    assert parts.baseline == -end.host_score


@pytest.mark.requirement("8.6")
def test_divergence_while_closing_is_told_and_costs_the_same():
    cohort, _ = build({0: 1}, diverges=(1, DECISIONS + 3))
    for _ in range(DECISIONS):
        outcome = cohort.step(wait(cohort))[0]
    assert outcome.end.diverged
    assert outcome.parts.terminal == outcome.end.score - QUICK.reward.divergence_points


def test_who_left_is_not_told_of_and_waits_for_nothing():
    cohort, _ = build({0: 1, 1: 2})
    cohort.drop([0])
    assert list(cohort.step(np.array([GERMINATE, GERMINATE]))) == [1]
    assert (cohort.actions[0][0] == -1).all()
    assert cohort.courses[1].counters.seeds_created == 1


@pytest.mark.parametrize("leaves", [False, True])
def test_a_group_is_compared_with_its_others_as_they_stand(leaves):
    config = replace(QUICK, baseline=Baseline.GROUP, group_size=2)
    cohort, _ = build({0: 3, 1: 3}, config=config, diverges=(2, 2))
    cohort.step(wait(cohort))
    if leaves:
        cohort.drop([0])
    outcome = cohort.step(wait(cohort))[1]
    # Both train the same host, so they stand alike.
    assert outcome.parts.baseline == -outcome.end.score


def test_closing_gives_the_population_back():
    cohort, population = build({0: 1}, diverges=(0, 99))
    cohort.close()
    assert population.closed
