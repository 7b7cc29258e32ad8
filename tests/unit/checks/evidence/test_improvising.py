"""Improvisations: every op comes up, and updates from a part of the steps move nothing."""

from __future__ import annotations

from copy import deepcopy

import torch

from tamiyo.checks.evidence import Improvisation
from tamiyo.contracts import LifecycleOp
from tamiyo.learning import PPOConfig
from tests.support.evidence import observe_learner


def improvise(**options):
    after = observe_learner().rehearsal.after
    return Improvisation(deepcopy(after.network), after.specs, seed=0, **options)


def test_every_op_comes_up_but_the_forbidden():
    assert set(improvise().ops.flatten().tolist()) == {int(op) for op in LifecycleOp}
    assert LifecycleOp.PRUNE not in improvise(forbidden=[LifecycleOp.PRUNE]).ops


def test_unused_heads_are_neutral():
    acted = improvise()
    actions = acted.rollout.actions[acted.ops == LifecycleOp.WAIT]
    neutral = [head.neutral for head in observe_learner().rehearsal.after.specs.actions.heads]
    assert (actions == torch.tensor(neutral)).all()


def test_an_update_of_some_steps_counts_them_and_moves_nothing():
    acted = improvise()
    before = deepcopy(acted.network.state_dict())
    rows = acted.ops == LifecycleOp.ADVANCE
    parts = acted.update(rows)
    assert parts.advantages.count == int(rows.sum())
    assert parts.heads["slot"].used_fraction == 1
    assert all(torch.equal(before[name], now) for name, now in acted.network.state_dict().items())


def test_an_update_of_no_steps_is_none():
    acted = improvise(forbidden=[LifecycleOp.PRUNE])
    assert acted.update(acted.ops == LifecycleOp.PRUNE) is None


def test_learning_moves_the_network():
    acted = improvise()
    before = acted.measure(acted.network)
    acted.learn(PPOConfig(inner_epochs=1, minibatches=1))
    assert not torch.equal(before, acted.measure(acted.network))
