from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tamiyo.contracts import InvariantError, LifecycleOp
from tamiyo.engine import GrowingOptimizer
from tests.support.tasks import (
    TINY,
    WAIT,
    act,
    build_model,
    build_tiny_data,
    build_tiny_host,
    germinate,
    make_member,
    make_worthy,
)

HOST = "host"


def train(model, optimizer, steps=3):
    """Train host and blended seeds by the loss."""
    data = build_tiny_data().control
    for _ in range(steps):
        optimizer.zero_grad()
        F.cross_entropy(model(data.inputs), data.targets).backward()
        optimizer.step()


def hold_a_trained_seed():
    """A member with a seed in HOLDING that Adam has moments for."""
    member = make_member()
    for command in (germinate(), act(LifecycleOp.ADVANCE), act(LifecycleOp.ADVANCE)):
        assert member.step(command).refusal is None
    make_worthy(member)
    return member


def test_groups_follow_the_model_after_every_transition():
    member = make_member()
    owners = []
    for command in (
        WAIT,
        germinate("r0c0"),
        germinate("r0c1"),
        act(LifecycleOp.ADVANCE, "r0c0"),
        act(LifecycleOp.ADVANCE, "r0c0"),
        act(LifecycleOp.PRUNE, "r0c1"),
    ):
        assert member.step(command).refusal is None
        member.optimizer.check_membership()
        owners.append(list(member.optimizer.owners()))
    one, two = "r0c0-1-conv_light", "r0c1-1-conv_light"
    assert owners == [[HOST], [HOST, one], *[[HOST, one, two]] * 3, [HOST, one]]


def test_fossilizing_moves_parameters_to_the_host_with_their_adam_state():
    member = hold_a_trained_seed()
    seed = member.model.slots["r0c0"].seed
    adam = member.optimizer.adam
    before = {
        p: {key: value.clone() for key, value in adam.state[p].items()}
        for p in seed.module.parameters()
    }
    assert member.model.apply_command(act(LifecycleOp.FOSSILIZE)).executed
    member.optimizer.sync()
    assert list(member.optimizer.owners()) == [HOST]
    assert len(member.optimizer.owners()[HOST]) == 6 + len(before)
    for parameter, state in before.items():
        assert {"step", "exp_avg", "exp_avg_sq"} <= set(state)
        assert all(torch.equal(adam.state[parameter][key], state[key]) for key in state)


def test_pruning_drops_the_state_of_the_seed_and_keeps_the_rest():
    member = hold_a_trained_seed()
    adam = member.optimizer.adam
    assert len(adam.state) == 6 + 4
    assert member.model.apply_command(act(LifecycleOp.PRUNE)).executed
    member.optimizer.sync()
    assert set(adam.state) == set(member.model.host.parameters())


def test_the_seed_factor_scales_the_rate_of_uncommitted_seeds_only():
    member = make_member(seed_learning_rate_factor=0.5)
    member.step(germinate("r0c0"))
    member.optimizer.set_learning_rate(0.2)
    assert [group["lr"] for group in member.optimizer.adam.param_groups] == [0.2, 0.1]


def test_a_group_that_is_born_later_has_the_rate_that_is_set():
    model = build_model()
    optimizer = GrowingOptimizer(model, learning_rate=0.1, seed_factor=1.0)
    optimizer.set_learning_rate(0.025)
    model.apply_command(germinate())
    optimizer.sync()
    assert [group["lr"] for group in optimizer.adam.param_groups] == [0.025, 0.025]


def test_the_closing_epochs_lower_the_rate():
    member = make_member(config=replace(TINY, max_epochs=20))
    rates = []
    for _ in range(20):
        member.step(WAIT)
        rates.append(member.optimizer.adam.param_groups[0]["lr"])
    assert rates[:15] == [0.01] * 15
    assert rates[15:] == pytest.approx([0.0082, 0.0064, 0.0046, 0.0028, 0.001])


def tamper_by_leaving_out(optimizer):
    optimizer.adam.param_groups[0]["params"].pop()


def tamper_by_doubling(optimizer):
    params = optimizer.adam.param_groups[0]["params"]
    params.append(params[0])


def tamper_by_adding_a_stranger(optimizer):
    optimizer.adam.param_groups[0]["params"].append(nn.Parameter(torch.zeros(1)))


@pytest.mark.parametrize(
    ("tamper", "got"),
    [
        (tamper_by_leaving_out, "5 memberships of 5 parameters for 6 trainable"),
        (tamper_by_doubling, "7 memberships of 6 parameters for 6 trainable"),
        (tamper_by_adding_a_stranger, "7 memberships of 7 parameters for 6 trainable"),
    ],
)
def test_a_tampered_membership_is_found(tamper, got):
    optimizer = GrowingOptimizer(build_model(), learning_rate=0.1, seed_factor=1.0)
    optimizer.check_membership()
    tamper(optimizer)
    with pytest.raises(InvariantError, match=got):
        optimizer.check_membership()


def test_a_frozen_parameter_of_the_host_is_in_no_group():
    model = build_model()
    next(model.host.parameters()).requires_grad = False
    optimizer = GrowingOptimizer(model, learning_rate=0.1, seed_factor=1.0)
    optimizer.check_membership()
    assert len(optimizer.owners()[HOST]) == 5


def test_fused_adam_gives_what_plain_adam_gives():
    grown, plain = build_model(), build_model()
    optimizer = GrowingOptimizer(grown, learning_rate=1e-2, seed_factor=1.0)
    train(grown, optimizer, steps=50)
    train(plain, torch.optim.Adam(plain.parameters(), lr=1e-2, foreach=False), steps=50)
    for ours, theirs in zip(grown.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


def test_clearing_forgets_every_moment_and_step():
    model = build_model()
    optimizer = GrowingOptimizer(model, learning_rate=1e-2, seed_factor=1.0)
    train(model, optimizer)
    assert optimizer.adam.state
    optimizer.clear_state()
    assert not optimizer.adam.state
    assert len(optimizer.owners()[HOST]) == len(list(build_tiny_host().parameters()))
