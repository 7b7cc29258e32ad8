"""Checks of decisions: green on what was played and learned, red on what must not be."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
import torch

from tamiyo.checks.rules.deciding import check_credit, check_entropy, check_masks
from tamiyo.contracts import LifecycleOp
from tests.support.evidence import change_steps, look, observe_hosts, observe_learner


@pytest.mark.parametrize("observe", [observe_hosts, observe_learner])
def test_what_was_played_holds(observe):
    assert look(check_masks, observe())[0]


@pytest.mark.parametrize("check", [check_credit, check_entropy])
def test_a_real_learner_holds(check):
    assert look(check, observe_learner())[0]


def play_with(evidence, **changes):
    return replace(evidence, play=replace(evidence.play, **changes))


def test_a_legal_action_that_was_refused_is_found():
    evidence = observe_learner()
    valid = evidence.play.valid.copy()
    valid[0, 3] = False
    holds, told = look(check_masks, play_with(evidence, valid=valid))
    assert not holds
    assert "actions drawn from the masks, 1 refused" in told


def test_an_illegal_action_that_was_carried_out_is_found():
    evidence = observe_learner()
    valid = evidence.play.valid.copy()
    valid[evidence.play.tried, 0] = True
    holds, told = look(check_masks, play_with(evidence, valid=valid))
    assert not holds
    assert "carried out" in told


def test_a_head_that_is_moved_without_use_is_found():
    evidence = observe_learner()
    actions = evidence.play.actions.copy()
    actions[actions[..., 0] == LifecycleOp.WAIT, -1] = 1
    holds, told = look(check_masks, play_with(evidence, actions=actions))
    assert not holds
    assert "WAIT moves alpha_curve, which it does not use" in told


def test_a_mask_the_model_does_not_follow_is_found():
    def refuse(step):
        return replace(step, decision=replace(step.decision, action_valid=False))

    doctored = change_steps(observe_hosts(), lambda step: step.decision is not None, refuse)
    doctored = replace(doctored, played=doctored.courses)
    holds, told = look(check_masks, doctored)
    assert not holds
    assert "was legal by the masks and refused by the model" in told


def test_a_seed_allowed_without_a_free_slot_is_found():
    evidence = observe_learner()
    masks = evidence.play.masks.copy()
    masks[..., LifecycleOp.GERMINATE] = True
    assert not look(check_masks, play_with(evidence, masks=masks))[0]


def test_a_head_that_learns_from_an_op_it_does_not_serve_is_found():
    evidence = observe_learner()
    specs = evidence.rehearsal.after.specs
    used = list(specs.actions.used_when)
    used[LifecycleOp.ADVANCE] |= {"tempo"}
    wrong = specs._replace(actions=replace(specs.actions, used_when=tuple(used)))
    network = deepcopy(evidence.rehearsal.after.network)
    network._actions = wrong.actions
    network.heads.used[LifecycleOp.ADVANCE, specs.actions.names.index("tempo")] = True
    after = replace(evidence.rehearsal.after, specs=wrong, network=network)
    doctored = replace(evidence, rehearsal=replace(evidence.rehearsal, after=after))
    holds, told = look(check_credit, doctored)
    assert not holds
    assert "tempo learns from ADVANCE" in told


def test_an_entropy_outside_its_range_is_found():
    evidence = observe_learner()
    first, *rest = evidence.updates
    heads = {**first.heads, "op": replace(first.heads["op"], entropy=1.5)}
    holds, told = look(
        check_entropy, replace(evidence, updates=(replace(first, heads=heads), *rest))
    )
    assert not holds
    assert "1 outside [0, 1]" in told


def test_another_entropy_than_that_of_the_probabilities_is_found():
    evidence = observe_learner()
    *earlier, last = evidence.rehearsal.rounds
    network = deepcopy(last.policy.network)
    evaluate = network.evaluate

    def lie(*arguments):
        evaluation = evaluate(*arguments)
        return evaluation._replace(entropies=evaluation.entropies * 0.9)

    network.evaluate = lie
    rounds = (*earlier, replace(last, policy=replace(last.policy, network=network)))
    doctored = replace(evidence, rehearsal=replace(evidence.rehearsal, rounds=rounds))
    assert not look(check_entropy, doctored)[0]
    assert torch.get_num_threads() >= 1
