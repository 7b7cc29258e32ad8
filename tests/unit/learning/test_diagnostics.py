from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from tamiyo.contracts import ActionSpec, OpReport
from tamiyo.learning.diagnostics import (
    MinibatchReading,
    describe_advantages,
    describe_conditional_entropies,
    describe_heads,
    describe_ops,
    describe_policy,
    describe_values,
    estimate_kl,
    explain_variance,
    find_forced_fraction,
)

ACTIONS = ActionSpec.independent([2, 3])


def draw(*size, seed=0):
    return torch.randn(*size, generator=torch.Generator().manual_seed(seed))


def build_reading(ratios, *, used=None, choices=None, entropies=None, **changes):
    """A reading of two heads."""
    log_ratios = torch.tensor(ratios).log()
    used = torch.ones(log_ratios.shape, dtype=torch.bool) if used is None else torch.tensor(used)
    settings = {
        "log_ratios": log_ratios,
        "used": used,
        "choices": used if choices is None else torch.tensor(choices),
        "entropies": torch.zeros(log_ratios.shape)
        if entropies is None
        else torch.tensor(entropies),
        "policy_loss": torch.tensor(1.0),
        "value_loss": torch.tensor(2.0),
        "entropy_bonus": torch.tensor(0.5),
        "gradient_norm": torch.tensor(0.4),
        "head_gradient_norms": torch.tensor([0.1, 0.2]),
    }
    return MinibatchReading(**settings | changes)


@pytest.mark.requirement("6.3")
def test_moments_of_advantages_are_those_of_scipy():
    advantages = draw(500).exp()
    report, wide = describe_advantages(advantages), advantages.double().numpy()
    assert report.count == 500
    assert report.mean == pytest.approx(wide.mean())
    assert report.std == pytest.approx(wide.std())
    assert report.skewness == pytest.approx(stats.skew(wide))
    assert report.kurtosis == pytest.approx(stats.kurtosis(wide))
    assert describe_advantages(advantages - 1).positive_fraction == np.mean(wide > 1)


@pytest.mark.parametrize("count", [1, 4])
def test_equal_advantages_have_no_higher_moments(count):
    report = describe_advantages(torch.full((count,), 0.1))
    assert (report.std, report.skewness, report.kurtosis) == (0.0, None, None)


def test_explained_variance_is_one_for_a_perfect_critic_and_zero_for_a_constant():
    returns = draw(50)
    assert explain_variance(returns, returns) == 1.0
    assert explain_variance(torch.full((50,), 3.0), returns) == pytest.approx(0, abs=1e-6)
    assert explain_variance(returns * 2, returns) == pytest.approx(0, abs=1e-6)
    assert explain_variance(returns * 3, returns) == pytest.approx(-3)


def test_explained_variance_of_equal_returns_is_unknown():
    assert explain_variance(draw(5), torch.full((5,), 0.1)) is None


def test_the_critic_is_compared_with_the_returns():
    readings = [build_reading([[1.0, 1.0]], value_loss=torch.tensor(loss)) for loss in (1.0, 3.0)]
    report = describe_values(readings, torch.tensor([1.0, 2.0]), torch.tensor([2.0, 6.0]))
    assert (report.loss, report.mean, report.mean_return) == (2.0, 1.5, 4.0)
    assert (report.std_return, report.absolute_error) == (2.0, 2.5)


def test_divergence_is_estimated_without_bias_and_never_negative():
    old, new = torch.log_softmax(draw(5), 0), torch.log_softmax(draw(5, seed=1), 0)
    actions = torch.multinomial(
        old.exp(), 200_000, replacement=True, generator=torch.Generator().manual_seed(0)
    )
    estimate = estimate_kl((new - old)[actions])
    exact = (old.exp() * (old - new)).sum()
    assert estimate.item() == pytest.approx(exact.item(), rel=0.02)
    assert estimate_kl(torch.zeros(3)) == 0
    assert estimate_kl(torch.tensor([-0.5])) > 0


@pytest.mark.requirement("3.3")
def test_transitions_are_summed_up_by_op():
    report = describe_ops(
        ("WAIT", "PRUNE", "ADVANCE"),
        torch.tensor([0, 1, 0]),
        torch.tensor([[True, True, False], [True, True, False], [True, False, False]]),
        torch.tensor([1.0, 5.0, 2.0]),
        torch.tensor([-1.0, 3.0, -3.0]),
    )
    assert report == {
        "WAIT": OpReport(count=2, legal=3, advantage=1.5, value_error=-2.0),
        "PRUNE": OpReport(count=1, legal=2, advantage=5.0, value_error=3.0),
        "ADVANCE": OpReport(count=0, legal=0, advantage=None, value_error=None),
    }


@pytest.mark.requirement("6.1")
def test_the_joint_ratio_is_what_moved_the_policy():
    readings = [
        build_reading([[1.1, 1.2], [0.5, 1.0]]),
        build_reading([[1.0, 1.0]], gradient_norm=torch.tensor(0.8)),
        build_reading([[2.0, 1.0]], gradient_norm=None, policy_loss=torch.tensor(4.0)),
    ]
    report = describe_policy(
        readings, clip_range=0.2, max_gradient_norm=0.5, learning_rate=0.01, inner_epochs=2
    )
    assert report.ratio_lowest == pytest.approx(0.5)
    assert report.ratio_highest == pytest.approx(2.0)
    assert report.clip_fraction == 3 / 4
    assert report.kl == pytest.approx(1 - math.log(2))
    assert report.loss == 2.0
    assert report.entropy_bonus == 0.5
    assert (report.optimizer_steps, report.inner_epochs, report.stopped_by_kl) == (2, 2, True)
    assert (report.gradient_norm, report.gradient_clip_fraction) == (pytest.approx(0.6), 0.5)


def test_an_update_that_ran_through_was_not_stopped():
    report = describe_policy(
        [build_reading([[1.0, 1.0]])],
        clip_range=0.2,
        max_gradient_norm=0.5,
        learning_rate=0.01,
        inner_epochs=1,
    )
    assert not report.stopped_by_kl
    assert report.gradient_clip_fraction == 0.0


@pytest.mark.requirement("3.4")
def test_heads_are_judged_where_they_were_used_and_had_a_choice():
    readings = [
        build_reading(
            [[1.5, 1.0], [0.9, 0.7]],
            used=[[True, False], [True, True]],
            choices=[[True, False], [False, True]],
            entropies=[[0.6, 0.0], [0.0, 0.4]],
        ),
        build_reading(
            [[1.0, 1.0], [1.0, 1.1]],
            used=[[True, False], [True, True]],
            choices=[[True, False], [False, False]],
            entropies=[[0.2, 0.0], [0.0, 0.0]],
            head_gradient_norms=torch.tensor([0.3, 0.4]),
        ),
    ]
    conditional = {"head_0": {}, "head_1": {"1": 0.7}}
    op, second = describe_heads(ACTIONS, readings, conditional, clip_range=0.2).values()
    assert (op.used_fraction, second.used_fraction) == (1.0, 0.5)
    assert (op.entropy, second.entropy) == (pytest.approx(0.4), pytest.approx(0.4))
    assert (op.clip_fraction, second.clip_fraction) == (0.25, 0.5)
    assert (op.ratio_lowest, op.ratio_highest) == (pytest.approx(0.9), pytest.approx(1.5))
    assert (second.ratio_lowest, second.ratio_highest) == (pytest.approx(0.7), pytest.approx(1.1))
    assert (op.gradient_norm, second.gradient_norm) == (pytest.approx(0.2), pytest.approx(0.3))
    assert second.conditional_entropy == {"1": 0.7}


def test_a_head_that_was_never_used_has_no_figures():
    reading = build_reading([[1.0, 1.0]], used=[[True, False]])
    head = describe_heads(ACTIONS, [reading], {"head_0": {}, "head_1": {}}, clip_range=0.2)[
        "head_1"
    ]
    assert head.used_fraction == 0
    assert head.entropy is head.ratio_lowest is head.ratio_highest is head.clip_fraction is None


def test_a_transition_is_forced_if_no_head_had_a_choice():
    first = build_reading([[1.0, 1.0]] * 2, choices=[[True, False], [False, True]])
    second = build_reading([[1.0, 1.0]] * 2, choices=[[False, False], [True, True]])
    assert find_forced_fraction([first, second]) == 0.25


@pytest.mark.requirement("3.4")
def test_conditional_entropies_are_averaged_where_they_were_asked():
    choices = torch.zeros(2, 2, 2, dtype=torch.bool)
    choices[0, 1, 1] = choices[1, 1, 1] = choices[0, 0, 1] = True
    entropies = torch.zeros(2, 2, 2)
    entropies[:, 1, 1] = torch.tensor([0.25, 0.75])
    entropies[:, 0, 1] = torch.tensor([0.5, 9.0])
    assert describe_conditional_entropies(ACTIONS, entropies, choices) == {
        "head_0": {},
        "head_1": {"0": 0.5, "1": 0.5},
    }
