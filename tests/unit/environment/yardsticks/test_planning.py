"""The exact optimum: the same by brute force, and earned when its plan is played."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from tamiyo.contracts import Blueprint, ConfigError, LifecycleOp, build_action_spec
from tamiyo.environment.surrogate import SurrogateVectorEnv
from tamiyo.environment.yardsticks.clairvoyant import compute_clairvoyant
from tamiyo.environment.yardsticks.planning import list_actions, solve
from tamiyo.environment.yardsticks.tiny import build_tiny_config
from tamiyo.observation import canonicalize_actions, compute_action_masks, is_allowed

TINY = build_tiny_config()
SPEC = build_action_spec(TINY.slot_ids)
# Four decisions, just enough to plant a seed, look at it, and commit it or not; room for no gate.
SHORT = replace(
    TINY,
    max_epochs=7,
    closing_epochs=3,
    rent_points=30.0,
    max_parameters=TINY.host_parameters + 40,
    needs=("detail", "texture"),
    blueprints=(Blueprint.CONV_SMALL,),
)
LARGER = replace(TINY, max_epochs=9, closing_epochs=3, needs=SHORT.needs)


def build_env(config, num_envs):
    env = SurrogateVectorEnv(num_envs, config, autoreset_mode=AutoresetMode.DISABLED)
    env.reset(seed=0)
    return env


def find_env(config, needs):
    """Environments, the first of which have the needs in order."""
    env = build_env(config, 64)
    rows = [int(np.flatnonzero(env.world.draws.need == need)[0]) for need in range(needs)]
    small = SurrogateVectorEnv(needs, config, autoreset_mode=AutoresetMode.DISABLED)
    return small, small.reset(seed=rows)


def step_each(config, hosts, actions):
    """Step a real environment that stands where each host stands."""
    env = SurrogateVectorEnv(len(actions), config, autoreset_mode=AutoresetMode.DISABLED)
    env._is_running[:] = True
    for name, array in env.world.collect_state().items():
        array[...] = hosts[name]
    env.world.count_parameters()
    env._masks = compute_action_masks(env.arrays, env.action_spec)
    observations, gains, *_, info = env.step(actions)
    masks = info["action_mask_by_op"]
    return env.world.collect_state(), np.hstack([np.round(observations, 5), masks]), masks, gains


def brute_force(config):
    """The largest expected gain, by trying everything after every history of observations."""
    env, (_, info) = find_env(config, len(config.needs))
    hosts, masks = env.world.collect_state(), info["action_mask_by_op"]
    histories, tree = [list(range(len(config.needs)))], []
    for _ in range(config.decision_epochs):
        where, actions = list_actions(SPEC, masks[[rows[0] for rows in histories]])
        choices = [(c, row) for c, history in enumerate(where) for row in histories[history]]
        choice, row = np.array(choices).T
        before = {name: array[row] for name, array in hosts.items()}
        hosts, seen, masks, gains = step_each(config, before, actions[choice])
        groups = {}
        for after, (made, look) in enumerate(zip(choice, seen, strict=True)):
            groups.setdefault((made, look.tobytes()), []).append(after)
        histories = list(groups.values())
        tree.append((where, [made for made, _ in groups], [len(rows) for rows in histories]))
    values = np.array([gains[rows].mean() for rows in histories])
    for where, made, sizes in reversed(tree):
        expected = np.bincount(made, values * sizes) / np.bincount(made, sizes)
        values = np.maximum.reduceat(expected, np.flatnonzero(np.diff(where, prepend=-1)))
    return float(values[0])


def play(config, plan, num_envs=12):
    env = SurrogateVectorEnv(num_envs, config, autoreset_mode=AutoresetMode.DISABLED)
    observations, _ = env.reset(seed=0)
    history, earned = [observations], np.zeros(num_envs)
    for _ in range(config.decision_epochs):
        observations, gains, *_, info = env.step(plan.decide(np.stack(history, axis=1)))
        assert info["action_valid"].all()
        history.append(observations)
        earned += gains
    return earned, env.world.draws


def test_the_optimum_is_that_of_trying_everything_after_every_history():
    assert solve(SHORT).gain == pytest.approx(brute_force(SHORT), abs=1e-9)


def test_a_controller_that_watches_gains_more_than_one_that_does_not():
    assert solve(SHORT).gain > 1.5 * solve(SHORT, is_watching=False).gain > 0


@pytest.mark.parametrize("config", [SHORT, LARGER])
def test_the_plan_earns_what_it_promises_in_the_real_environment(config):
    plan = solve(config)
    earned, draws = play(config, plan)
    assert len(set(draws.need)) == len(config.needs)
    assert earned == pytest.approx(plan.gain_by_need[draws.need], abs=1e-9)
    assert plan.gain == pytest.approx(plan.gain_by_need.mean())


def test_what_looks_alike_is_treated_alike_until_a_seed_shows_the_difference():
    plan = solve(LARGER)
    alike = (plan.observations[0] == plan.observations[1]).all(axis=1)
    assert (plan.actions[0] == plan.actions[1])[alike].all()
    assert plan.actions[0, 0, 0] == LifecycleOp.GERMINATE
    assert 2 <= alike.sum() < LARGER.decision_epochs


def test_no_plan_is_better_than_knowing_the_need_in_advance():
    env = build_env(LARGER, 16)
    gain = compute_clairvoyant(LARGER, env.world.draws).gain
    plan = solve(LARGER)
    assert (plan.gain_by_need[env.world.draws.need] <= gain + 1e-9).all()


def test_a_blind_plan_is_one_sequence_for_all():
    plan = solve(LARGER, is_watching=False)
    assert (plan.actions == plan.actions[0]).all()


@pytest.mark.parametrize("changes", [{"slots": 2}, {"noise_points": 0.5}, {"variation": 1.0}])
def test_a_family_that_is_too_rich_is_refused(changes):
    with pytest.raises(ConfigError, match="must be 1, 0 and 0 to be planned for, got"):
        solve(replace(TINY, **changes))


def test_every_legal_action_is_listed_and_no_other():
    env = build_env(TINY, 3)
    env.step(
        np.array([[LifecycleOp.GERMINATE, 0, Blueprint.NORM, 1, 0, 2, 0, 0], [0] * 8, [0] * 8])
    )
    masks = compute_action_masks(env.arrays, SPEC)
    rows, listed = list_actions(SPEC, masks)
    every = np.array(list(product(*(range(size) for size in SPEC.nvec))))
    every = np.unique(canonicalize_actions(SPEC, every), axis=0)
    for row in range(3):
        legal = every[is_allowed(SPEC, np.repeat(masks[[row]], len(every), axis=0), every)]
        assert listed[rows == row].tolist() == legal.tolist()


@pytest.mark.slow
def test_the_tiny_instance_pays_for_watching():
    best, blind = solve(TINY), solve(TINY, is_watching=False)
    earned, draws = play(TINY, best)
    assert earned == pytest.approx(best.gain_by_need[draws.need], abs=1e-9)
    assert blind.gain < 0.6 * best.gain
