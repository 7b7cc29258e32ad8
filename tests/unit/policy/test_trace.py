from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import ActionSpec, InvariantError, ShapeError
from tamiyo.policy.factored import ActionPath, find_places
from tamiyo.policy.trace import trace_actions
from tests.support.enumeration import legal_actions, random_masks, random_spec
from tests.support.networks import draw_masks, flat_network, growth_network, growth_spec, play

ONE_HEAD = ActionSpec.independent((3,))


def used_table(spec: ActionSpec) -> torch.Tensor:
    return torch.tensor([[name in used for name in spec.names] for used in spec.used_when])


@given(seed=st.integers(0, 10_000), heads=st.integers(1, 4))
def test_what_was_legal_is_what_the_path_through_the_heads_says(seed, heads):
    rng = np.random.default_rng(seed)
    spec = random_spec(rng, heads=heads)
    mask = random_masks(spec, rng, rows=1)
    actions = torch.tensor(list(legal_actions(spec, mask[0])))
    masks = torch.from_numpy(mask).expand(len(actions), -1)
    trace = trace_actions(spec, masks, actions, used_table(spec))
    places = find_places(spec.nvec)
    path = ActionPath(spec, masks, lambda position, _head: actions[:, position], places)
    for position, size in enumerate(spec.nvec):
        path.take(torch.zeros(len(actions), size))
        assert torch.equal(trace.legal[:, position, :size], path.heads[position].legal)
        assert not trace.legal[:, position, size:].any()
    assert torch.equal(trace.has_choice, path.has_choice)
    counts = trace.legal.sum(-1)[trace.has_choice]
    assert torch.equal(trace.max_entropies[trace.has_choice].exp().round().long(), counts)


@pytest.mark.parametrize(
    "network", [growth_network(), flat_network(ActionSpec.independent((2, 5)))]
)
def test_judging_a_trace_says_what_walking_through_the_heads_says(network):
    spec = network._actions
    masks = draw_masks(spec, 6, 40)
    starts = torch.zeros(6, 40, dtype=torch.bool)
    rollout = play(network, masks, starts, network.initial_state(40))
    features = network.remember(rollout.observations, starts, rollout.state)
    given_actions = rollout.actions.flatten(0, 1)
    path = network.heads(features, masks.flatten(0, 1), lambda p, _head: given_actions[:, p])
    judgment = network.heads.judge(features, network.trace(masks, rollout.actions).flatten())
    torch.testing.assert_close(judgment.log_probs, path.log_probs)
    torch.testing.assert_close(judgment.entropies, path.entropies)
    weights = torch.linspace(-1, 1, judgment.log_probs.numel()).view_as(judgment.log_probs)
    gradients = [
        torch.autograd.grad(
            ((part.log_probs + part.entropies) * weights).sum(),
            list(network.heads.parameters()),
            retain_graph=True,
        )
        for part in (judgment, path)
    ]
    torch.testing.assert_close(*gradients, atol=1e-4, rtol=1e-4)


def test_rows_and_environments_are_taken_with_all_that_belongs_to_them():
    spec = growth_spec()
    masks = draw_masks(spec, 3, 5)
    network = growth_network()
    starts = torch.zeros(3, 5, dtype=torch.bool)
    actions = play(network, masks, starts, network.initial_state(5)).actions
    index = torch.tensor([4, 1])
    part = network.trace(masks, actions).select(index)
    whole = network.trace(masks[:, index], actions[:, index])
    assert all(map(torch.equal, part, whole))
    rows = torch.tensor([3, 0])
    assert all(
        torch.equal(taken, flat[rows])
        for taken, flat in zip(whole.flatten().take(rows), whole.flatten(), strict=True)
    )


def test_an_illegal_action_is_refused():
    masks = torch.tensor([[True, True, True], [False, True, False]])
    with pytest.raises(InvariantError, match=r"head_0 must take a legal choice, got action \[2\]"):
        trace_actions(ONE_HEAD, masks, torch.tensor([[0], [2]]), used_table(ONE_HEAD))


def test_a_choice_in_a_head_that_is_not_used_is_refused():
    masks = torch.tensor([[True, True, False]])
    unused = torch.zeros(3, 1, dtype=torch.bool)
    with pytest.raises(InvariantError, match=r"one legal choice where .* legal choices \[0, 1\]"):
        trace_actions(ONE_HEAD, masks, torch.tensor([[0]]), unused)


def test_masks_that_do_not_fit_are_refused():
    masks = torch.ones(1, 4, dtype=torch.bool)
    with pytest.raises(ShapeError, match=r"of shape \[1, 4\]"):
        trace_actions(ONE_HEAD, masks, torch.tensor([[0]]), used_table(ONE_HEAD))
