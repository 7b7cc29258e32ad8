from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.nn import functional as F

from tamiyo.engine.batched.judging import (
    compute_losses,
    compute_values,
    evaluate_members,
    judge_networks,
)
from tamiyo.engine.batched.network import StackedNetwork
from tamiyo.engine.counterfactual import evaluate_variants
from tamiyo.tasks import CLASSIFICATION, NEXT_BYTE
from tests.support.stacked import seeded
from tests.support.tasks import build_tiny_data, germinate, make_member, wake

LOGITS = torch.randn(3, 4, 6, 5, generator=seeded(0))  # [R, B, T, classes]
TARGETS = torch.randint(5, (3, 4, 6), generator=seeded(1))
OWN = replace(CLASSIFICATION, loss=lambda outputs, targets: F.cross_entropy(outputs, targets) ** 2)
CASES = [
    (CLASSIFICATION, LOGITS[:, :, 0], TARGETS[:, :, 0]),
    (NEXT_BYTE, LOGITS, TARGETS),
    (OWN, LOGITS[:, :, 0], TARGETS[:, :, 0]),
]
per_objective = pytest.mark.parametrize(("objective", "outputs", "targets"), CASES)


@per_objective
def test_losses_are_those_of_each_network(objective, outputs, targets):
    losses = compute_losses(objective, outputs.flatten(0, 1), targets.flatten(0, 1), 3)
    alone = [objective.loss(*pair) for pair in zip(outputs, targets, strict=True)]
    torch.testing.assert_close(losses, torch.stack(alone))


def test_values_are_those_of_each_sample():
    objective, outputs, targets = CASES[0]
    values = compute_values(objective, outputs.flatten(0, 1), targets.flatten(0, 1), 3)
    assert values.shape[0] == 3
    alone = [objective.training_metric(*pair) for pair in zip(outputs, targets, strict=True)]
    torch.testing.assert_close(values, torch.stack(alone).view_as(values))


def test_no_metric_has_no_values():
    assert compute_values(NEXT_BYTE, LOGITS.flatten(0, 1), TARGETS.flatten(0, 1), 3) is None


@per_objective
def test_networks_are_judged_as_each_alone(objective, outputs, targets):
    together = judge_networks(objective, outputs, targets[0])
    for own, logits in zip(together, outputs, strict=True):
        for ours, theirs in zip(own, objective.judge(logits, targets[0]), strict=True):
            torch.testing.assert_close(ours.values, theirs.values)
            assert torch.equal(ours.weights, theirs.weights)


def test_variants_of_a_split_are_evaluated_as_each_environment_does():
    data = build_tiny_data()
    members = [make_member(environment=environment, data=data) for environment in range(3)]
    members[1].begin_epoch(germinate())
    wake(members[1].model)
    network = StackedNetwork(members)
    variants = [[{}], [{}, {"r0c0": ()}], [{}]]
    shared = data.control, data.objective, members[0].scale
    together = evaluate_members(network, *shared, variants)
    assert [len(own) for own in together] == [1, 2, 1]
    for member, own, overrides in zip(members, together, variants, strict=True):
        for ours, theirs in zip(
            own, evaluate_variants(member.model, *shared, overrides), strict=True
        ):
            assert ours.loss == pytest.approx(theirs.loss, abs=1e-6)
            assert ours.accuracy == theirs.accuracy


def test_targets_that_are_left_out_do_not_count():
    outputs = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, -100, 2, 3, 1, -100])
    together = compute_losses(CLASSIFICATION, outputs, targets, 2)
    pairs = zip(outputs.chunk(2), targets.chunk(2), strict=True)
    alone = torch.stack([CLASSIFICATION.loss(*pair) for pair in pairs])
    torch.testing.assert_close(together, alone)
