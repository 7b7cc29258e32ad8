from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from tamiyo.contracts import Blueprint, LifecycleConfig, LifecycleOp, Style
from tests.support.tasks import (
    EAGER,
    WAIT,
    ListSink,
    act,
    build_noisy_host,
    germinate,
    make_member,
    make_population,
)

LIFE = [
    WAIT,
    germinate("r0c0", Blueprint.BOTTLENECK, Style.GATED_GATE),
    act(LifecycleOp.ADVANCE, "r0c0"),
    germinate("r0c2", Blueprint.ATTENTION),
    act(LifecycleOp.ADVANCE, "r0c2"),
    act(LifecycleOp.ADVANCE, "r0c0"),
    act(LifecycleOp.PRUNE, "r0c2"),
]


def command_of(environment, epoch):
    """Each environment lives the same life at its own time."""
    return LIFE[(epoch + environment) % len(LIFE)]


def run_population(environments, *, lifecycle=EAGER, epochs=8):
    sink = ListSink()
    population = make_population(
        environments, lifecycle=lifecycle, host=build_noisy_host, sink=sink
    )
    steps = [
        population.step([command_of(environment, epoch) for environment in environments])
        for epoch in range(epochs)
    ]
    return population, steps, sink


def weights_of(population, position):
    member = population.members[position]
    return list(member.model.state_dict().values())


def assert_bit_equal(ours, theirs):
    assert len(ours) == len(theirs)
    assert all(torch.equal(one, two) for one, two in zip(ours, theirs, strict=True))


@pytest.fixture(scope="module")
def alone():
    return run_population([2])


@pytest.mark.parametrize("position", range(4))
def test_an_environment_is_the_same_alone_and_at_any_place_of_a_population(alone, position):
    environments = [0, 1, 3]
    environments.insert(position, 2)
    crowd = run_population(environments)
    assert_bit_equal(weights_of(crowd[0], position), weights_of(alone[0], 0))
    assert [row[position] for row in crowd[1]] == [row[0] for row in alone[1]]
    assert [e for e in crowd[2].events if e.environment == 2] == alone[2].events


@pytest.mark.parametrize("lifecycle", [EAGER, LifecycleConfig(incubate=True)])
def test_the_same_seed_gives_the_same_bytes(lifecycle):
    one, two = (run_population([0, 1], lifecycle=lifecycle) for _ in range(2))
    for position in range(2):
        assert_bit_equal(weights_of(one[0], position), weights_of(two[0], position))
    assert one[2].events == two[2].events
    assert one[1] == two[1]


@pytest.mark.parametrize("other", [{"run_seed": 1}, {"environment": 1}])
def test_another_run_or_environment_draws_other_numbers(other):
    one, two = make_member(build_noisy_host), make_member(build_noisy_host, **other)
    assert one.initial.control_loss != two.initial.control_loss
    assert not torch.equal(one.generators["data"].get_state(), two.generators["data"].get_state())


def test_probes_of_another_member_change_no_byte(alone):
    other = make_member(build_noisy_host)
    sink = ListSink()
    member = make_member(
        build_noisy_host,
        slots=other.model.probes,
        environment=2,
        sink=sink,
        check_invariants=False,
    )
    steps = [member.step(command_of(2, epoch)) for epoch in range(8)]
    assert_bit_equal(list(member.model.state_dict().values()), weights_of(alone[0], 0))
    assert steps == [row[0] for row in alone[1]]
    assert sink.events == alone[2].events
    drawn = {name: g.get_state() for name, g in member.generators.items()}
    expected = alone[0].members[0].generators
    assert all(torch.equal(state, expected[name].get_state()) for name, state in drawn.items())


def test_the_global_generators_are_untouched_by_a_whole_run():
    get_numpy_state = np.random.mtrand._rand.get_state
    before = torch.random.get_rng_state(), repr(get_numpy_state()), random.getstate()
    population, _, _ = run_population([0, 1])
    population.begin_closing()
    population.step([None, None])
    population.judge()
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert repr(get_numpy_state()) == before[1]
    assert random.getstate() == before[2]


def test_the_global_generators_do_not_matter(alone):
    torch.rand(5)
    assert_bit_equal(weights_of(run_population([2])[0], 0), weights_of(alone[0], 0))


def test_closing_and_judging_reach_every_member():
    population, _, _ = run_population([0, 1], epochs=4)
    population.begin_closing()
    for _ in range(5):
        population.step([None, None])
    assert all(not member.model.seeds for member in population.members)
    judged = population.judge()
    assert judged == [member.judge() for member in population.members]
    assert judged[0].test_loss != judged[1].test_loss


def test_a_missing_command_is_refused():
    with pytest.raises(ValueError, match="argument 2 is shorter than argument 1"):
        make_population([0, 1]).step([WAIT])
