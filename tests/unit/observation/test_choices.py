"""What follows from a conditional mask: marginals, checks and draws, for any factored action."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import ActionSpec, HeadSpec, InvariantError
from tamiyo.observation import canonicalize_actions, is_allowed, marginalize, sample_uniform


def head(name, size, *parents, neutral=0):
    choices = tuple(str(index) for index in range(size))
    return HeadSpec(name=name, choices=choices, parents=parents, neutral=neutral)


SPEC = ActionSpec(
    heads=(head("op", 2), head("left", 3, "op", neutral=2), head("right", 2, "op", "left")),
    used_when=(frozenset({"op"}), frozenset({"op", "left", "right"})),
)
"""Under op 0 nothing else is used; left has 3 choices, right 2 under each of them."""

LEGAL = {(0, 2, 0), (1, 0, 1), (1, 2, 0), (1, 2, 1)}
MASK = np.array([[1, 1, 0, 0, 1, 1, 0, 1, *([0] * 4), 1, 0, 0, 1, 0, 0, 1, 1]], dtype=bool)
"""Flags of op, of left under each op, of right under each op and left."""

EVERY_ACTION = [(op, left, right) for op in range(2) for left in range(3) for right in range(2)]


@pytest.mark.requirement("0.11")
def test_the_marginal_mask_is_the_union_over_the_parents():
    expected = [[True, True, True, False, True, True, True]]
    np.testing.assert_array_equal(marginalize(SPEC, MASK), expected)


@pytest.mark.parametrize("op", [0, 1])
def test_the_marginal_mask_of_one_environment_is_its_own(op):
    masks = np.concatenate([MASK, np.zeros_like(MASK)])
    masks[1, op] = True
    expected = [[True, True, True, False, True, True, True], [op == 0, op == 1, *([False] * 5)]]
    np.testing.assert_array_equal(marginalize(SPEC, masks), expected)


def test_unused_heads_become_neutral():
    actions = canonicalize_actions(SPEC, np.array(EVERY_ACTION))
    assert actions.tolist() == [list(SPEC.canonicalize(action)) for action in EVERY_ACTION]
    assert actions.dtype == np.int64


@pytest.mark.parametrize("action", EVERY_ACTION)
@pytest.mark.requirement("0.9")
def test_an_action_is_allowed_whatever_stands_in_heads_it_does_not_use(action):
    legal = SPEC.canonicalize(action) in LEGAL
    assert is_allowed(SPEC, MASK, np.array([action])).tolist() == [legal]


def test_each_environment_is_judged_by_its_own_mask():
    masks = np.concatenate([MASK, MASK])
    masks[1, SPEC.mask_slices[2]] = False
    actions = np.array([[1, 2, 1], [1, 2, 1]])
    assert is_allowed(SPEC, masks, actions).tolist() == [True, False]


@pytest.mark.parametrize(
    ("action", "allowed"),
    [((2, 0, 0), False), ((-1, 2, 0), False), ((1, 3, 0), False), ((1, 2, -1), False)],
)
def test_an_index_outside_a_used_head_is_not_allowed(action, allowed):
    assert is_allowed(SPEC, MASK, np.array([action])).tolist() == [allowed]


def test_an_index_outside_an_unused_head_is_ignored():
    assert is_allowed(SPEC, MASK, np.array([[0, 99, -5]])).tolist() == [True]


def test_draws_are_legal_and_uniform_head_by_head():
    masks = np.repeat(MASK, 4000, axis=0)
    actions = sample_uniform(SPEC, masks, np.random.default_rng(0))
    found, counts = np.unique(actions, axis=0, return_counts=True)
    shares = dict(zip(map(tuple, found.tolist()), (counts / 4000).tolist(), strict=True))
    assert set(shares) == LEGAL
    expected = {(0, 2, 0): 1 / 2, (1, 0, 1): 1 / 4, (1, 2, 0): 1 / 8, (1, 2, 1): 1 / 8}
    assert shares == pytest.approx(expected, abs=0.03)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_independent_heads_are_drawn_within_their_masks(sizes, seed):
    spec, rng = ActionSpec.independent(sizes), np.random.default_rng(seed)
    masks = rng.random((6, spec.mask_size)) < 0.5
    for where in spec.mask_slices:
        masks[:, where.start] |= ~masks[:, where].any(axis=1)
    actions = sample_uniform(spec, masks, rng)
    assert is_allowed(spec, masks, actions).all()
    np.testing.assert_array_equal(marginalize(spec, masks), masks)


def test_draws_depend_on_the_generator_alone():
    masks = np.repeat(MASK, 20, axis=0)
    first, second, other = (
        sample_uniform(SPEC, masks, np.random.default_rng(seed)).tolist() for seed in (1, 1, 2)
    )
    assert first == second != other


def test_a_head_without_a_legal_choice_is_refused():
    masks = np.concatenate([MASK, MASK])
    masks[1, :2] = False
    with pytest.raises(InvariantError, match=r"op must have a legal choice .* got none in \[1\]"):
        sample_uniform(SPEC, masks, np.random.default_rng(0))
