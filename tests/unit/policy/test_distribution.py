from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import ShapeError
from tamiyo.policy.distribution import MaskedCategorical, draw_gumbel_noise
from tests.support.enumeration import entropy

DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def draw(seed: int, rows: int = 50, choices: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw logits and masks with at least one legal choice."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(rows, choices, generator=generator)
    legal = torch.rand(rows, choices, generator=generator) < 0.5
    legal[torch.arange(rows), torch.randint(choices, (rows,), generator=generator)] = True
    return logits, legal


@given(seed=st.integers(0, 10_000))
def test_probabilities_are_the_softmax_over_what_is_legal(seed):
    logits, legal = draw(seed)
    probabilities = MaskedCategorical(logits, legal).log_probs.exp()
    weights = np.where(legal, np.exp(logits.double().numpy()), 0)
    expected = weights / weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(probabilities, expected, atol=1e-6)
    assert (probabilities[~legal] == 0).all()


@given(seed=st.integers(0, 10_000))
@pytest.mark.requirement("3.4")
def test_entropy_is_that_of_the_legal_choices(seed):
    head = MaskedCategorical(*draw(seed))
    expected = [entropy(row) for row in head.log_probs.double().exp().numpy()]
    np.testing.assert_allclose(head.entropy(), expected, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_only_legal_choice_is_certain_and_teaches_nothing(dtype):
    logits = torch.tensor([[3.7, -2.1, 50.0]], dtype=dtype, requires_grad=True)
    head = MaskedCategorical(logits, torch.tensor([[False, True, False]]))
    log_prob = head.log_prob(torch.tensor([1]))
    (1000 * (log_prob + head.normalized_entropy())).sum().backward()
    assert log_prob.item() == 0
    assert head.normalized_entropy().item() == 0
    assert (logits.grad == 0).all()


@pytest.mark.parametrize("legal", [2, 3, 6])
def test_a_uniform_head_has_normalized_entropy_1_however_many_choices_are_legal(legal):
    head = MaskedCategorical(torch.zeros(1, 6), torch.arange(6).unsqueeze(0) < legal)
    assert head.entropy().item() == pytest.approx(math.log(legal))
    assert head.normalized_entropy().item() == pytest.approx(1)


@pytest.mark.parametrize("dtype", DTYPES)
def test_extreme_logits_leave_entropy_and_gradient_finite(dtype):
    logits = torch.tensor([[1e4, -1e4, 0.0, 1e4]], dtype=dtype, requires_grad=True)
    head = MaskedCategorical(logits, torch.tensor([[True, True, True, False]]))
    head.entropy().sum().backward()
    assert head.entropy().item() == 0
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_result_is_promoted_to_another_type(dtype):
    logits, legal = draw(0)
    head = MaskedCategorical(logits.to(dtype), legal)
    noise = draw_gumbel_noise(head.logits, 6, torch.Generator())
    results = (head.log_probs, head.entropy(), head.normalized_entropy(), noise)
    assert {result.dtype for result in results} == {dtype}


@pytest.mark.requirement("3.2")
def test_an_illegal_choice_gets_no_gradient_from_a_legal_one():
    logits, legal = draw(1)
    logits.requires_grad_()
    MaskedCategorical(logits, legal).log_probs[legal].sum().backward()
    assert (logits.grad[~legal] == 0).all()


def test_samples_follow_the_probabilities():
    logits, legal = draw(2, rows=1)
    head = MaskedCategorical(logits.expand(20_000, -1), legal.expand(20_000, -1))
    noise = draw_gumbel_noise(logits.expand(20_000, -1), 6, torch.Generator().manual_seed(0))
    counts = torch.bincount(head.sample(noise), minlength=6)
    expected = 20_000 * head.log_probs[0].exp()
    assert (counts[~legal[0]] == 0).all()
    deviations = (counts - expected)[legal[0]].square() / expected[legal[0]]
    assert deviations.sum() < 20.5  # 0.1 % of chi-square with 5 degrees of freedom lies above


@pytest.mark.requirement("3.1")
def test_no_noise_makes_an_illegal_choice():
    logits, legal = draw(3)
    largest = -math.log(torch.finfo(torch.float32).tiny)
    noise = torch.where(legal, -largest, largest)
    assert (
        MaskedCategorical(logits, legal)
        .is_legal(MaskedCategorical(logits, legal).sample(noise))
        .all()
    )


def test_noise_is_finite_and_comes_from_the_generator_alone():
    before = torch.get_rng_state()
    first, second = (
        draw_gumbel_noise(torch.zeros(1000, 1), 7, torch.Generator().manual_seed(4))
        for _ in range(2)
    )
    assert first.isfinite().all()
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())


def test_the_best_choice_is_the_largest_legal_logit():
    logits = torch.tensor([[5.0, 1.0, 2.0]])
    head = MaskedCategorical(logits, torch.tensor([[False, True, True]]))
    assert head.best().tolist() == [2]


def test_no_choice_is_legal_where_none_is():
    head = MaskedCategorical(torch.zeros(1, 3), torch.zeros(1, 3, dtype=torch.bool))
    assert not head.is_legal(head.best())


@pytest.mark.requirement("1.4")
def test_masks_must_be_bool():
    with pytest.raises(
        ShapeError, match=r"legal must be bool of shape \[1, 3\], got torch.float32"
    ):
        MaskedCategorical(torch.zeros(1, 3), torch.ones(1, 3))


def test_masks_must_fit_the_logits():
    with pytest.raises(ShapeError, match=r"of shape \[1, 2\]"):
        MaskedCategorical(torch.zeros(1, 3), torch.ones(1, 2, dtype=torch.bool))


def test_the_gradient_of_the_entropy_is_exact():
    logits, legal = draw(5, rows=4)
    logits = logits.double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: MaskedCategorical(x, legal).entropy(), logits)
