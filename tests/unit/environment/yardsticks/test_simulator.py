"""Hosts as rows of a table: stepped as the environment steps them, alike if their future is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import AlphaSpeed, AlphaTarget, Blueprint, LifecycleOp, SeedStage, Style
from tamiyo.environment.surrogate import SurrogateVectorEnv
from tamiyo.environment.yardsticks.simulator import Simulator, number_rows
from tamiyo.environment.yardsticks.tiny import build_tiny_config
from tamiyo.observation import sample_uniform

TINY = build_tiny_config()
WAIT = (LifecycleOp.WAIT, 0, 0, 0, 0, 0, 0, 0)
PLANT = (
    LifecycleOp.GERMINATE,
    0,
    Blueprint.CONV_SMALL,
    Style.LINEAR_ADD,
    0,
    AlphaTarget.HALF,
    0,
    0,
)
ADVANCE = (LifecycleOp.ADVANCE, 0, 0, 0, 0, 0, 0, 0)
LINEAR, COSINE = 0, 1


def ramp(curve, speed=AlphaSpeed.FAST, target=AlphaTarget.FULL):
    return (LifecycleOp.SET_ALPHA_TARGET, 0, 0, Style.LINEAR_ADD, 0, target, speed, curve)


def play(simulator, *plans):
    """One host of the first need for each plan; all plans equally long."""
    hosts = {name: np.repeat(array[:1], len(plans), 0) for name, array in simulator.begin().items()}
    for actions in zip(*plans, strict=True):
        masks = simulator.compute_masks(hosts)
        hosts = simulator.step(hosts, masks, np.arange(len(plans)), np.array(actions))
    return hosts


def test_hosts_begin_with_one_need_each():
    simulator = Simulator(TINY)
    hosts = simulator.begin()
    assert hosts["seeds.stage"].shape == (len(TINY.needs), 1)
    assert len(np.unique(hosts["draws.worth"], axis=0)) == len(TINY.needs)
    assert simulator.compute_gain(hosts).tolist() == [0.0] * len(TINY.needs)


def test_rows_go_the_way_of_the_environment():
    simulator, env = Simulator(TINY), SurrogateVectorEnv(40, TINY)
    observations, info = env.reset(seed=0)
    hosts = {name: array.copy() for name, array in env.world.collect_state().items()}
    rng = np.random.default_rng(0)
    for _ in range(TINY.decision_epochs - 1):
        assert (simulator.observe(hosts) == observations).all()
        masks = simulator.compute_masks(hosts)
        assert (masks == info["action_mask_by_op"]).all()
        actions = sample_uniform(simulator.spec, masks, rng)
        hosts = simulator.step(hosts, masks, np.arange(40), actions)
        observations, *_, info = env.step(actions)
    assert simulator.compute_gain(hosts) == pytest.approx(
        env.world.compute_score() - env.world.compute_host_score()
    )


def test_rows_can_be_stepped_again_in_any_order():
    simulator = Simulator(TINY)
    hosts = simulator.begin()
    masks = simulator.compute_masks(hosts)
    actions = np.array([PLANT, WAIT, PLANT])
    after = simulator.step(hosts, masks, np.array([2, 0, 2]), actions)
    assert after["seeds.stage"][:, 0].tolist() == [SeedStage.GERMINATED, -1, SeedStage.GERMINATED]
    assert (hosts["seeds.stage"] == -1).all()


def test_what_is_illegal_becomes_wait():
    hosts = play(Simulator(TINY), [ADVANCE, PLANT])
    assert hosts["seeds.stage"][0, 0] == SeedStage.GERMINATED


def test_the_shape_of_a_ramp_does_not_tell_hosts_apart_but_its_end_does():
    simulator = Simulator(TINY)
    born = [PLANT, ADVANCE]
    hosts = play(
        simulator,
        [*born, ramp(LINEAR), WAIT],
        [*born, ramp(COSINE), WAIT],
        [*born, ramp(COSINE, AlphaSpeed.SLOW), WAIT],
        [*born, ramp(LINEAR, target=AlphaTarget.SEVENTY), WAIT],
    )
    first, *others = simulator.identify(hosts)
    assert [number == first for number in others] == [True, False, False]


def test_when_a_seed_began_to_learn_tells_hosts_apart():
    simulator = Simulator(TINY)
    early, late = [PLANT, ADVANCE, WAIT, WAIT], [WAIT, PLANT, ADVANCE, WAIT]
    assert len(set(simulator.identify(play(simulator, early, late, early)))) == 2


def test_clocks_that_have_run_out_do_not_tell_hosts_apart():
    simulator = Simulator(replace(TINY, max_epochs=20))
    waited, born_later = [PLANT, *[WAIT] * 5], [WAIT, PLANT, *[WAIT] * 4]
    hosts = play(simulator, waited, born_later)
    assert hosts["seeds.age_epochs"][:, 0].tolist() == [6, 5]
    assert len(set(simulator.identify(hosts))) == 1


@given(st.lists(st.tuples(st.integers(-3, 3), st.sampled_from([0.0, 0.5, np.nan])), min_size=1))
def test_rows_have_the_same_number_if_and_only_if_they_are_alike(rows):
    numbers = number_rows([np.array(column) for column in zip(*rows, strict=True)])
    alike = [tuple(map(str, row)) for row in rows]
    assert len(set(numbers.tolist())) == len(set(alike))
    assert len(set(zip(alike, numbers.tolist(), strict=True))) == len(set(alike))


def test_many_wide_columns_do_not_overflow():
    columns = [np.array([0, 2**40, 2**40]) for _ in range(5)]
    assert number_rows(columns).tolist() == [0, 1, 1]
