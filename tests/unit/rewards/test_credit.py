"""Credit: a contribution, capped by what was really gained."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.rewards import compute_attribution_potential, compute_credits, compute_net_gain

points = st.floats(-100, 100)
contributions = st.dictionaries(st.sampled_from("abcd"), st.none() | points)


def test_a_net_gain_is_the_lead_over_the_twin_and_unknown_without_one():
    assert compute_net_gain(90.0, 85.0) == 5.0
    assert compute_net_gain(90.0, None) is None


@pytest.mark.requirement("7.5")
def test_a_seed_the_host_merely_depends_on_is_credited_with_nothing():
    assert compute_credits({"ransomware": 60.0}, 0.0) == {"ransomware": 0.0}
    assert compute_credits({"ransomware": 60.0}, -5.0) == {"ransomware": 0.0}


@pytest.mark.requirement("7.2")
def test_what_is_unknown_earns_nothing_and_says_so():
    assert compute_credits({"a": None, "b": 2.0}, 10.0) == {"a": None, "b": 2.0}
    assert compute_credits({"a": 2.0, "b": -1.0}, None) == {"a": None, "b": None}
    assert compute_attribution_potential({"a": None}, bound_points=20) == 0.0


@pytest.mark.parametrize("points", [math.inf, -math.inf, math.nan])
def test_what_is_not_finite_is_unknown(points):
    assert compute_credits({"a": points, "b": 3.0}, 2.0) == {"a": None, "b": 2.0}
    assert compute_credits({"a": points}, 2.0) == {"a": None}
    assert compute_credits({"b": 3.0}, points) == {"b": None}


@given(contributions, st.none() | points)
@pytest.mark.requirement("7.2")
def test_credit_is_at_most_contribution_and_together_at_most_the_net_gain(given_points, gain):
    credits_ = compute_credits(given_points, gain)
    assert credits_.keys() == given_points.keys()
    for name, credit in credits_.items():
        if credit is not None:
            assert credit <= given_points[name] or credit == pytest.approx(given_points[name])
    positive = sum(credit for credit in credits_.values() if credit is not None and credit > 0)
    assert positive <= max(gain or 0.0, 0.0) + 1e-6


@given(contributions, points, st.floats(0, 50))
def test_the_potential_stays_within_its_bound(given_points, gain, bound):
    potential = compute_attribution_potential(
        compute_credits(given_points, gain), bound_points=bound
    )
    assert -bound <= potential <= bound
