from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import ActionSpec, InvariantError, ShapeError
from tamiyo.policy.distribution import draw_gumbel_noise
from tamiyo.policy.factored import ActionPath, find_places
from tests.support.enumeration import (
    entropy,
    joint_probability,
    legal_actions,
    random_masks,
    random_spec,
)

ONE_HEAD = ActionSpec.independent((3,))
PROBLEMS = given(seed=st.integers(0, 10_000), heads=st.integers(2, 4))


class Problem:
    """Random heads, one mask, and logits that are a table over all earlier choices."""

    def __init__(self, seed: int, heads: int) -> None:
        rng = np.random.default_rng(seed)
        self.spec = random_spec(rng, heads=heads)
        self.mask = random_masks(self.spec, rng, rows=1)[0]
        self.tables = [2 * rng.normal(size=self.spec.nvec[: i + 1]) for i in range(heads)]
        self.actions = np.array(list(legal_actions(self.spec, self.mask)))

    def score(self, position, choices):
        return self.tables[position][choices]

    def probabilities(self):
        """Ask the oracle for the probability of every legal action."""
        return np.array(
            [
                joint_probability(self.spec, self.mask, self.score, tuple(action))
                for action in self.actions.tolist()
            ]
        )

    def walk(self, choose, rows):
        masks = torch.from_numpy(self.mask).expand(rows, -1)
        path = ActionPath(self.spec, masks, choose, find_places(self.spec.nvec))
        for table in self.tables:
            logits = table[tuple(choice.numpy() for choice in path.choices)]
            path.take(torch.tensor(logits).expand(rows, -1))
        path.check(used_table(self.spec))
        return path

    def walk_all(self):
        """Take every legal action, one per row."""
        given = torch.from_numpy(self.actions)
        return self.walk(lambda position, _head: given[:, position], len(given))


def used_table(spec: ActionSpec) -> torch.Tensor:
    return torch.tensor([[name in used for name in spec.names] for used in spec.used_when])


@PROBLEMS
@pytest.mark.requirement("0.2")
def test_joint_probabilities_are_those_of_the_oracle_and_sum_to_one(seed, heads):
    problem = Problem(seed, heads)
    joint = problem.walk_all().log_probs.sum(-1).exp()
    np.testing.assert_allclose(joint, problem.probabilities(), rtol=1e-9)
    assert joint.sum().item() == pytest.approx(1)


@PROBLEMS
def test_expected_entropy_along_the_path_is_the_joint_entropy(seed, heads):
    problem = Problem(seed, heads)
    path = problem.walk_all()
    along_path = torch.stack([head.entropy() for head in path.heads], -1).sum(-1)
    expected = (path.log_probs.sum(-1).exp() * along_path).sum()
    assert expected.item() == pytest.approx(entropy(problem.probabilities()))


@PROBLEMS
@pytest.mark.requirement("0.2", "3.4")
def test_a_head_that_is_not_used_has_log_probability_0_and_no_choice(seed, heads):
    problem = Problem(seed, heads)
    path = problem.walk_all()
    idle = ~used_table(problem.spec)[path.choices[0]]
    assert (path.log_probs[idle] == 0).all()
    assert (path.entropies[idle] == 0).all()
    assert not path.has_choice[idle].any()


@pytest.mark.parametrize("seed", range(4))
def test_samples_follow_the_joint_probabilities(seed):
    problem, rows = Problem(seed, heads=3), 50_000
    nvec = problem.spec.nvec
    generator = torch.Generator().manual_seed(seed)
    noise = draw_gumbel_noise(torch.zeros(rows, 1, dtype=torch.float64), sum(nvec), generator)
    parts = noise.split(nvec, -1)
    sampled = problem.walk(lambda position, head: head.sample(parts[position]), rows).actions
    flat = np.ravel_multi_index(sampled.numpy().T, nvec)
    legal = np.ravel_multi_index(problem.actions.T, nvec)
    counts = np.bincount(flat, minlength=np.prod(nvec))[legal]
    expected = rows * problem.probabilities()
    chi_square, freedom = ((counts - expected) ** 2 / expected).sum(), len(legal) - 1
    assert counts.sum() == rows
    assert chi_square < freedom + 4 * np.sqrt(2 * freedom) + 4


def one_head_path(logits, legal, choice=0, sizes=(3,), used=True):
    spec = ActionSpec.independent(sizes)
    masks, places = torch.tensor([legal]), find_places(sizes)
    path = ActionPath(spec, masks, lambda *_: torch.tensor([choice]), places)
    path.take(torch.tensor([logits]))
    path.check(torch.full((3, 1), used))


def test_a_head_without_a_legal_choice_is_refused():
    with pytest.raises(InvariantError, match=r"head_0 must take a legal choice.*choices \[\]"):
        one_head_path([0.0, 0.0, 0.0], [False, False, False])


def test_an_illegal_choice_is_refused():
    with pytest.raises(
        InvariantError, match=r"legal choice, got action \[0\], legal choices \[2\]"
    ):
        one_head_path([0.0, 0.0, 0.0], [False, False, True])


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
def test_a_logit_that_is_not_finite_is_refused(number):
    with pytest.raises(InvariantError, match=r"finite logits.*nan|inf"):
        one_head_path([0.0, number, 0.0], [True, True, False])


def test_a_choice_in_a_head_that_is_not_used_is_refused():
    with pytest.raises(InvariantError, match=r"head_0 must have one legal choice where the op"):
        one_head_path([0.0, 0.0, 0.0], [True, True, False], used=False)


@pytest.mark.parametrize(
    ("masks", "got"),
    [
        (torch.ones(1, 3), "got torch.float32"),
        (torch.ones(1, 4, dtype=torch.bool), r"of shape \[1, 4\]"),
        (torch.ones(2, 1, 3, dtype=torch.bool), r"of shape \[2, 1, 3\]"),
    ],
)
def test_masks_that_do_not_fit_are_refused(masks, got):
    with pytest.raises(ShapeError, match=got):
        ActionPath(ONE_HEAD, masks, lambda _, head: head.best(), find_places(ONE_HEAD.nvec))


@PROBLEMS
def test_explained_probabilities_sum_to_1_and_hold_the_choices_that_were_made(seed, heads):
    path = Problem(seed, heads).walk_all()
    explained = path.explain(1)
    chosen = explained.gather(-1, path.actions[:1].unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(chosen, path.log_probs[:1].exp())
    torch.testing.assert_close(explained.nansum(-1), torch.ones_like(chosen))
