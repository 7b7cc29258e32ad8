from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tamiyo.contracts import HEADS_USED_BY, ConfigError, InvariantError, LifecycleOp
from tamiyo.learning.diagnostics import describe_conditional_entropies
from tamiyo.learning.head_advantages import ClipMode
from tamiyo.learning.normalizers import Normalization
from tamiyo.learning.ppo import PPO, PPOConfig
from tests.support.enumeration import random_masks
from tests.support.rollouts import GROWTH, build_network, collect_rollout

ENDLESS = PPOConfig(target_kl=float("inf"))


def learn(network, buffer, config=ENDLESS, *, learning_rate=1e-2, entropy_coefficient=0.0, seed=0):
    return PPO(network, GROWTH, config).update(
        buffer,
        learning_rate=learning_rate,
        entropy_coefficient=entropy_coefficient,
        generator=torch.Generator().manual_seed(seed),
    )


def copy_parameters(network):
    return {name: parameter.detach().clone() for name, parameter in network.named_parameters()}


def ask(network, *, seed=0):
    """Conditional entropies in states in which everything is legal."""
    rollout = collect_rollout(network, seed=seed).rollout
    evaluation = network.evaluate(
        rollout.observations,
        network.trace(rollout.masks, rollout.actions),
        rollout.episode_starts,
        rollout.states[0],
    )
    rows = rollout.masks.shape[:2].numel()
    masks = torch.tensor(random_masks(GROWTH, np.random.default_rng(seed), rows, density=1.0))
    asked = network.conditional_entropies(evaluation.features, masks)
    return describe_conditional_entropies(GROWTH, asked.entropies.detach(), asked.choices)


def pay_for_waiting(actions):
    return (actions[:, 0] == LifecycleOp.WAIT).float()


@pytest.mark.parametrize("clip", ClipMode)
def test_what_is_paid_for_becomes_likely(clip):
    network = build_network()
    config = replace(ENDLESS, clip=clip, gamma=0.0)
    shares = []
    for seed in range(10):
        buffer = collect_rollout(network, seed=seed, pay=pay_for_waiting)
        wait = learn(network, buffer, config, learning_rate=2e-2).ops["WAIT"]
        shares.append(wait.count / wait.legal)
    assert np.mean(shares[:2]) < 0.6
    assert np.mean(shares[-2:]) > 0.9


@pytest.mark.requirement("6.2")
def test_clip_and_divergence_stop_act_and_are_counted_as_what_ran():
    network = build_network()
    buffer = collect_rollout(network)
    config = PPOConfig(inner_epochs=30, target_kl=0.02)
    report = learn(network, buffer, config).policy
    assert report.stopped_by_kl
    assert report.kl > 1.5 * 0.02
    assert 2 * (report.inner_epochs - 1) <= report.optimizer_steps < 2 * report.inner_epochs
    assert report.inner_epochs < 30
    assert report.clip_fraction > 0


@pytest.mark.requirement("6.2")
def test_without_a_stop_every_pass_runs():
    network = build_network()
    config = replace(ENDLESS, inner_epochs=5, minibatches=3)
    report = learn(network, collect_rollout(network), config).policy
    assert (report.inner_epochs, report.optimizer_steps, report.stopped_by_kl) == (5, 15, False)
    assert report.learning_rate == 1e-2


def test_a_single_step_moves_nothing_before_it():
    network = build_network()
    config = replace(ENDLESS, inner_epochs=1, minibatches=1)
    report = learn(network, collect_rollout(network, fillers=True), config)
    assert report.policy.ratio_lowest == pytest.approx(1, abs=1e-5)
    assert report.policy.ratio_highest == pytest.approx(1, abs=1e-5)
    assert report.policy.clip_fraction == 0
    assert report.policy.loss == pytest.approx(0, abs=1e-5)  # advantages have mean 0


@pytest.mark.parametrize("fillers", [False, True])
@pytest.mark.requirement("6.3")
def test_advantages_are_as_many_as_transitions(fillers):
    network = build_network()
    buffer = collect_rollout(network, fillers=fillers)
    report = learn(network, buffer)
    transitions = int(buffer.rollout.valid.sum())
    assert report.advantages.count == transitions
    assert sum(op.count for op in report.ops.values()) == transitions
    assert report.heads["op"].used_fraction == 1.0
    assert (transitions < 48) == fillers


def test_filler_rows_change_nothing():
    def run(noise):
        network = build_network()
        buffer = collect_rollout(network, steps=12, fillers=True)
        filler = ~buffer.rollout.valid
        for name in ("observations", "rewards", "values", "log_probs", "bootstrap_values"):
            getattr(buffer.rollout, name)[filler] = noise
        return learn(network, buffer), copy_parameters(network)

    first, second = run(0.0), run(100.0)
    assert first[0] == second[0]
    assert all(torch.equal(first[1][name], second[1][name]) for name in first[1])


@pytest.mark.requirement("6.3")
def test_advantages_are_normalized_over_valid_transitions():
    network = build_network()
    ppo = PPO(network, GROWTH, ENDLESS)
    rollout = collect_rollout(network, steps=12, fillers=True).rollout
    targets = ppo._compute_targets(rollout)
    scaled = targets.scaled[rollout.valid]
    assert scaled.mean().item() == pytest.approx(0, abs=1e-6)
    assert scaled.std(correction=0).item() == pytest.approx(1, abs=1e-6)


def test_the_same_seed_learns_the_same():
    def run(seed):
        network = build_network()
        return learn(network, collect_rollout(network), seed=seed), copy_parameters(network)

    (report, parameters), (again, same) = run(0), run(0)
    assert report == again
    assert all(torch.equal(parameters[name], same[name]) for name in parameters)
    assert report != run(1)[0]


@pytest.mark.parametrize(
    ("clip", "entropy_coefficient"),
    [(ClipMode.JOINT, 0.0), (ClipMode.PER_HEAD, 0.0), (ClipMode.JOINT, 0.1)],
)
@pytest.mark.parametrize("op", LifecycleOp, ids=lambda op: op.name)
@pytest.mark.requirement("3.2")
def test_an_update_moves_the_heads_that_were_used_and_no_other(op, clip, entropy_coefficient):
    network = build_network()
    forbidden = [other for other in LifecycleOp if other not in {LifecycleOp.WAIT, op}]
    buffer = collect_rollout(network, forbidden_ops=forbidden)
    config = replace(ENDLESS, clip=clip)
    report = learn(network, buffer, config, entropy_coefficient=entropy_coefficient)
    moved = {name for name, head in report.heads.items() if head.gradient_norm > 0}
    # Where nothing but waiting is legal, even the op has no choice.
    assert moved == (set() if op == LifecycleOp.WAIT else set(HEADS_USED_BY[op]))
    assert {name for name, head in report.heads.items() if head.entropy is not None} == moved


@pytest.mark.requirement("3.2", "3.4")
def test_heads_that_were_never_used_keep_their_own_parameters():
    network = build_network()
    before = copy_parameters(network)
    forbidden = [op for op in LifecycleOp if op != LifecycleOp.WAIT]
    report = learn(network, collect_rollout(network, forbidden_ops=forbidden))
    own = {id(p) for name in GROWTH.names[1:] for p in network.head_parameters()[name]}
    unused = [name for name, parameter in network.named_parameters() if id(parameter) in own]
    after = copy_parameters(network)
    assert unused
    assert all(torch.equal(after[name], before[name]) for name in unused)
    assert {head.gradient_norm for name, head in report.heads.items() if name != "op"} == {0.0}
    assert report.forced_fraction == 1.0
    assert report.heads["op"].entropy is None


@pytest.mark.requirement("3.4")
def test_an_op_that_is_never_legal_leaves_its_heads_undecided():
    network = build_network()
    ppo = PPO(network, GROWTH, replace(ENDLESS, inner_epochs=2))
    generator = torch.Generator().manual_seed(0)
    assert ask(network)["blueprint"]["GERMINATE"] > 0.99
    for seed in range(50):
        buffer = collect_rollout(
            network, steps=4, num_envs=4, seed=seed, forbidden_ops=[LifecycleOp.GERMINATE]
        )
        ppo.update(buffer, learning_rate=3e-3, entropy_coefficient=0.01, generator=generator)
    assert ask(network)["blueprint"]["GERMINATE"] >= 0.9


def test_the_conditional_term_keeps_heads_of_skipped_ops_undecided():
    def run(coefficient):
        network = build_network()
        with torch.no_grad():
            bias = network.head_parameters()["blueprint"][1]
            bias.copy_(torch.linspace(0, 6, len(bias)))
        op_before = copy_parameters(network)["heads.op.2.weight"]
        config = replace(ENDLESS, inner_epochs=20, conditional_entropy_coefficient=coefficient)
        buffer = collect_rollout(network)
        buffer.rollout.rewards.zero_()
        buffer.rollout.values.zero_()
        buffer.rollout.cut_values.zero_()
        buffer.rollout.bootstrap_values.zero_()
        report = learn(network, buffer, replace(config, value_coefficient=0.0))
        moved = not torch.equal(copy_parameters(network)["heads.op.2.weight"], op_before)
        return ask(network)["blueprint"]["GERMINATE"], moved, report.policy.entropy_bonus

    without, with_term = run(0.0), run(1.0)
    assert with_term[0] > without[0] + 0.1
    assert with_term[1] is False  # never through the choice of op
    assert without[2] == 0 < with_term[2]


def test_the_entropy_bonus_undecides_used_heads():
    network = build_network()
    with torch.no_grad():
        network.head_parameters()["op"][-1].copy_(torch.linspace(0, 4, 6))
    buffer = collect_rollout(network)
    before = learn(build_network(), collect_rollout(build_network())).heads["op"].entropy
    first = learn(network, buffer, entropy_coefficient=1.0).heads["op"].entropy
    second = learn(network, collect_rollout(network), entropy_coefficient=1.0).heads["op"].entropy
    assert first < second <= before + 0.05


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("rewards", r"returns must be finite, got \[nan"),
        ("values", r"returns must be finite, got \[nan"),
        ("log_probs", r"gradient must be finite, got .*'policy_loss': nan.* \d+ .*\['encoder"),
    ],
)
@pytest.mark.requirement("6.4")
def test_numbers_that_are_not_finite_are_refused_before_they_are_learned_from(name, rule):
    network = build_network()
    buffer = collect_rollout(network, end_probability=0.0)
    getattr(buffer.rollout, name)[3, 2] = float("nan")
    config = replace(ENDLESS, normalization=Normalization.NONE if name == "log_probs" else "values")
    before = copy_parameters(network)
    with pytest.raises(InvariantError, match=rule):
        learn(network, buffer, config)
    assert all(torch.equal(value, before[name]) for name, value in copy_parameters(network).items())


def test_an_update_that_never_steps_is_refused():
    network = build_network()
    buffer = collect_rollout(network)
    buffer.rollout.log_probs[..., 0] -= 1.0
    with pytest.raises(InvariantError, match="step at least once per update, got a divergence of"):
        learn(network, buffer, PPOConfig())


def test_rows_that_do_not_belong_together_are_refused_when_checking():
    network = build_network()
    learn(network, collect_rollout(network, check_invariants=True))
    buffer = collect_rollout(network, check_invariants=True)
    buffer.rollout.log_probs[2, 1, 0] -= 0.01
    with pytest.raises(InvariantError, match="ratio must be 1"):
        learn(network, buffer)


def test_values_are_reported_and_learned_at_their_scale():
    network = build_network()
    ppo = PPO(network, GROWTH, replace(ENDLESS, normalization=Normalization.VALUES))
    generator = torch.Generator().manual_seed(0)

    def pay(actions):
        return 1000.0 + 100 * actions[:, 0]

    errors = []
    for seed in range(10):
        buffer = collect_rollout(network, steps=4, seed=seed, end_probability=1.0, pay=pay)
        report = ppo.update(
            buffer, learning_rate=1e-2, entropy_coefficient=0.0, generator=generator
        )
        errors.append(report.value.absolute_error)
    assert errors[0] == pytest.approx(1250, rel=0.1)
    assert errors[-1] < 250
    assert report.value.mean_return > 1000
    assert report.value.loss < 10


@pytest.mark.requirement("5.3")
def test_targets_without_an_end_use_the_cut_value():
    network = build_network()
    rollout = collect_rollout(network, steps=1, end_probability=0.0).rollout
    ppo = PPO(network, GROWTH, replace(ENDLESS, gamma=0.5))
    targets = ppo._compute_targets(rollout)
    assert torch.allclose(targets.earned[0], rollout.rewards[0] + 0.5 * rollout.cut_values)


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("gamma", 1.1, "at most 1, got 1.1"),
        ("gae_lambda", -0.1, "at least 0, got -0.1"),
        ("clip_range", 0.0, "above 0, got 0.0"),
        ("clip_range", 1.5, "at most 1, got 1.5"),
        ("inner_epochs", 0, "at least 1, got 0"),
        ("minibatches", 0, "at least 1, got 0"),
        ("learning_rate", -1.0, "at least 0, got -1.0"),
        ("target_kl", float("nan"), "above 0, got nan"),
        ("max_gradient_norm", 0.0, "above 0, got 0.0"),
        ("learning_rate", float("inf"), "finite, got inf"),
        ("learning_rate_end", 1.5, "at most 1, got 1.5"),
        ("value_coefficient", 1e30, r"at most 1000, got 1e\+30"),
        ("clip", "foo", "joint or per_head, got 'foo'"),
        ("normalization", "foo", "none or rewards or values, got 'foo'"),
    ],
)
def test_settings_outside_their_range_are_refused(name, value, rule):
    with pytest.raises(ConfigError, match=f"{name} must be {rule}"):
        PPOConfig(**{name: value})


def test_learning_rate_and_entropy_coefficient_go_from_start_to_end():
    config = PPOConfig(
        learning_rate=1e-3,
        learning_rate_end=1e-4,
        entropy_coefficient=0.2,
        entropy_coefficient_end=0.0,
    )
    assert config.anneal(0.0) == (1e-3, 0.2)
    assert config.anneal(0.5) == pytest.approx((5.5e-4, 0.1))
    assert config.anneal(1.0) == pytest.approx((1e-4, 0.0))


def test_more_minibatches_than_environments_are_refused():
    network = build_network()
    buffer = collect_rollout(network)
    with pytest.raises(ConfigError, match=r"minibatches must be in \[1, 6\]"):
        learn(network, buffer, replace(ENDLESS, minibatches=7))
