"""The course of one episode: what a refused command is paid as, and the score as it stands."""

from __future__ import annotations

import math

import pytest

from tamiyo.contracts import Blueprint, LifecycleOp, NullSink, SeedStage
from tamiyo.engine import EngineKind, StepResult
from tamiyo.environment.hosts.building import EpisodeKey, PopulationBuilder
from tamiyo.environment.hosts.course import HostCourse, count_committed, score_committed
from tests.support.host_envs import QUICK
from tests.support.reports import (
    build_epoch_report,
    build_host_report,
    build_seed_report,
    build_slot_report,
)
from tests.support.rewards import germinate
from tests.support.tasks import TINY


@pytest.fixture
def population():
    build = PopulationBuilder(config=QUICK, kind=EngineKind.BATCHED)
    return build([EpisodeKey(seed=1, environment=0)], NullSink())


def test_only_committed_seeds_count_for_the_score():
    slots = [
        build_slot_report("r0c0", SeedStage.FOSSILIZED, seed=build_seed_report(parameters=300)),
        build_slot_report("r0c1", SeedStage.HOLDING, seed=build_seed_report(parameters=70)),
        build_slot_report("r0c2"),
    ]
    measured = build_epoch_report(control_accuracy=90.0, committed_accuracy=80.0)
    result = StepResult(measured=measured, host=build_host_report(*slots), refusal=None)
    assert count_committed(result) == 1300
    expected = 80.0 - TINY.rent_points * math.log(1.3)
    assert score_committed(TINY, result) == pytest.approx(expected)


@pytest.mark.requirement("4.2")
def test_a_refused_command_is_paid_as_waiting(population):
    course = HostCourse(QUICK, QUICK.task_config, population.initial[0])
    refused = germinate(Blueprint.CONV_HEAVY)
    (result,) = population.step([refused])
    assert result.refusal is not None
    course.take(refused, result, twin_points=None, ending=None)
    assert course.counters.seeds_created == 0
    assert course.latest is result


def test_signals_follow_the_epochs(population):
    course = HostCourse(QUICK, QUICK.task_config, population.initial[0])
    assert course.signals.epoch == 0
    command = germinate(Blueprint.NORM)
    (result,) = population.step([command])
    course.take(command, result, twin_points=None, ending=None)
    assert course.signals.epoch == 1
    assert course.counters.seeds_created == 1
    assert command.op == LifecycleOp.GERMINATE
