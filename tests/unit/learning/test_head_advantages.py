from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import HEADS_USED_BY, ActionSpec, Head, LifecycleOp
from tamiyo.learning.head_advantages import (
    ClipMode,
    build_credit_table,
    compute_log_ratios,
    compute_policy_losses,
)
from tests.support.rollouts import GROWTH, build_network, collect_rollout

NAMES = list(Head)


def evaluate(network, rollout):
    return network.evaluate(
        rollout.observations,
        network.trace(rollout.masks, rollout.actions),
        rollout.episode_starts,
        rollout.states[0],
    )


def lose(log_ratios, advantages, used=None, *, clip_mode=ClipMode.JOINT, clip_range=0.2):
    log_ratios = torch.as_tensor(log_ratios)
    used = torch.ones(log_ratios.shape, dtype=torch.bool) if used is None else torch.tensor(used)
    return compute_policy_losses(
        log_ratios, torch.tensor(advantages), used, clip_mode=clip_mode, clip_range=clip_range
    )


@pytest.mark.parametrize("op", LifecycleOp, ids=lambda op: op.name)
@pytest.mark.requirement("3.2")
def test_an_op_credits_the_heads_it_uses_and_no_other(op):
    credited = build_credit_table(GROWTH)[op]
    assert {head for head, paid in zip(NAMES, credited, strict=True) if paid} == set(
        HEADS_USED_BY[op]
    )


def test_independent_heads_are_always_credited():
    assert build_credit_table(ActionSpec.independent([3, 2])).tolist() == [[True, True]] * 3


@pytest.mark.parametrize(
    ("ratio", "advantage", "loss"),
    [(1.1, 2.0, -2.2), (1.5, 2.0, -2.4), (0.5, 2.0, -1.0), (0.5, -2.0, 1.6), (1.5, -2.0, 3.0)],
)
@pytest.mark.parametrize("clip_mode", ClipMode)
def test_one_head_is_clipped_as_in_the_paper(clip_mode, ratio, advantage, loss):
    log_ratio = torch.tensor([[ratio]]).log()
    assert lose(log_ratio, [advantage], clip_mode=clip_mode).item() == pytest.approx(loss)


@pytest.mark.requirement("0.2")
def test_joint_clips_the_product_and_per_head_each_factor():
    log_ratios = torch.tensor([[1.15, 1.15]]).log()
    joint = lose(log_ratios, [1.0], clip_mode=ClipMode.JOINT)
    per_head = lose(log_ratios, [1.0], clip_mode=ClipMode.PER_HEAD)
    assert joint.item() == pytest.approx(-1.2)
    assert per_head.item() == pytest.approx(-2.3)


def test_both_clips_have_the_same_gradient_at_ratio_one():
    gradients = []
    for clip_mode in ClipMode:
        log_ratios = torch.zeros(4, 3, requires_grad=True)
        used = [[True, True, False]] * 4
        lose(log_ratios, [1.0, -2.0, 0.5, 3.0], used, clip_mode=clip_mode).mean().backward()
        gradients.append(log_ratios.grad[:, :2])
    assert torch.allclose(*gradients)


@pytest.mark.parametrize("clip_mode", ClipMode)
def test_unused_heads_add_nothing_to_the_loss(clip_mode):
    with_unused = lose([[0.1, 0.0]], [3.0], [[True, False]], clip_mode=clip_mode)
    assert torch.equal(with_unused, lose([[0.1]], [3.0], clip_mode=clip_mode))


@pytest.mark.requirement("0.2", "3.2")
def test_log_ratios_of_unused_heads_are_zero_and_without_gradient():
    new = torch.tensor([[0.3, 0.4]], requires_grad=True)
    used = torch.tensor([[True, False]])
    ratios = compute_log_ratios(new, torch.tensor([[0.1, 0.1]]), used)
    ratios.sum().backward()
    assert torch.allclose(ratios, torch.tensor([[0.2, 0.0]]))
    assert new.grad.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize("head", NAMES[1:])
@pytest.mark.requirement("6.1")
def test_only_steps_that_use_a_head_notice_its_parameters(head):
    network = build_network()
    rollout = collect_rollout(network).rollout
    before = evaluate(network, rollout).log_probs.detach()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in network.head_parameters()[head]:
            parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=0.3)
    after = evaluate(network, rollout).log_probs.detach()
    used = build_credit_table(GROWTH)[rollout.actions[..., 0]]
    ratios = compute_log_ratios(after, before, used).sum(-1).exp()
    position = NAMES.index(head)
    moved = (after - before)[..., position].exp()
    assert torch.equal(ratios[~used[..., position]], torch.ones_like(ratios)[~used[..., position]])
    assert torch.allclose(ratios[used[..., position]], moved[used[..., position]])
    assert (moved - 1).abs().max() > 0.01


@pytest.mark.parametrize("clip_mode", ClipMode)
@pytest.mark.parametrize("op", LifecycleOp, ids=lambda op: op.name)
@pytest.mark.requirement("3.2")
def test_heads_an_op_does_not_use_get_no_policy_gradient(op, clip_mode):
    network = build_network()
    rollout = collect_rollout(network, steps=12).rollout
    evaluation = evaluate(network, rollout)
    used = build_credit_table(GROWTH)[rollout.actions[..., 0]]
    is_op = rollout.actions[..., 0] == op
    log_ratios = compute_log_ratios(evaluation.log_probs, rollout.log_probs, used)[is_op]
    losses = compute_policy_losses(
        log_ratios, rollout.rewards[is_op], used[is_op], clip_mode=clip_mode, clip_range=0.2
    )
    losses.sum().backward()
    norms = {
        name: sum(p.grad.abs().sum().item() for p in parameters if p.grad is not None)
        for name, parameters in network.head_parameters().items()
    }
    assert {name for name, norm in norms.items() if norm > 0} == set(HEADS_USED_BY[op])
