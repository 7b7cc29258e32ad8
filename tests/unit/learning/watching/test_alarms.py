from __future__ import annotations

from dataclasses import replace

import pytest

from tamiyo.contracts import THRASHING_METRIC, AlarmKind, OpReport
from tamiyo.learning.watching import find_alarms
from tests.support.updates import build_update

ORDINARY = build_update()


def with_entropy(entropy):
    heads = dict(ORDINARY.heads)
    heads["op"] = replace(heads["op"], entropy=entropy)
    return replace(ORDINARY, heads=heads)


def with_policy(**changes):
    return replace(ORDINARY, policy=replace(ORDINARY.policy, **changes))


def with_value(**changes):
    return replace(ORDINARY, value=replace(ORDINARY.value, **changes))


def with_op(*, episodes=64, **changes):
    """An update with 400 uses of an op; advantages deviate by 0.8, value errors by about 0.6."""
    settings = {"count": 400, "legal": 800, "advantage": 0.0, "value_error": 0.1}
    ops = ORDINARY.ops | {"PRUNE": OpReport(**settings | changes)}
    return replace(ORDINARY, ops=ops, rollout=replace(ORDINARY.rollout, episodes=episodes))


def find(*rounds):
    """The messages of all alarms."""
    *history, report = rounds
    return tuple(alarm.message for alarm in find_alarms(report, history))


def find_kinds(*rounds):
    *history, report = rounds
    return [alarm.kind for alarm in find_alarms(report, history)]


@pytest.mark.requirement("6.4")
def test_ordinary_updates_raise_no_alarm():
    assert find(*[ORDINARY] * 10) == ()


@pytest.mark.requirement("6.4")
def test_collapsed_entropy_is_told_after_three_rounds():
    collapsed = with_entropy(0.05)
    (alarm,) = find(ORDINARY, collapsed, collapsed, collapsed)
    assert alarm.startswith("entropy of op was 0.050, below 0.1 for 3 rounds")


@pytest.mark.parametrize(
    "entropies",
    [(0.05, 0.05), (0.05, 0.2, 0.05), (0.05, None, 0.05), (None, None, None), (0.1, 0.1, 0.1)],
)
@pytest.mark.requirement("6.4")
def test_entropy_that_recovers_or_was_not_measured_is_no_collapse(entropies):
    # Not measured: forced rows and heads that were not used.
    assert find(*map(with_entropy, entropies)) == ()


@pytest.mark.parametrize(
    ("changes", "alarm"),
    [
        ({"ratio_highest": 5.1}, "ratio rose to 5.1, above 5"),
        ({"ratio_lowest": 0.09}, "ratio fell to 0.09, below 0.1"),
        ({"kl": 0.11}, "divergence of the policy was 0.11, above 0.1"),
    ],
)
@pytest.mark.requirement("6.4")
def test_a_jump_of_the_policy_is_told_at_once(changes, alarm):
    assert find(with_policy(**changes)) == (alarm,)
    assert find(with_policy(**changes), ORDINARY) == ()


@pytest.mark.parametrize(
    ("report", "kind"),
    [
        (with_entropy(0.05), AlarmKind.COLLAPSED_HEAD),
        (with_policy(ratio_highest=5.1), AlarmKind.RATIO_JUMP),
        (with_policy(ratio_lowest=0.09), AlarmKind.RATIO_JUMP),
        (with_policy(kl=0.11), AlarmKind.DIVERGENCE_JUMP),
        (with_value(explained_variance=-0.5, absolute_error=1.2), AlarmKind.VALUE_COLLAPSE),
        (with_op(advantage=1.0), AlarmKind.ADVANTAGE_DRIFT),
        (with_op(value_error=2.0), AlarmKind.VALUE_DRIFT),
        (
            replace(
                ORDINARY, rollout=replace(ORDINARY.rollout, environment={THRASHING_METRIC: 0.25})
            ),
            AlarmKind.THRASHING,
        ),
    ],
)
def test_every_alarm_has_its_kind(report, kind):
    assert find_kinds(*[report] * 5) == [kind]


@pytest.mark.requirement("6.4")
def test_the_limits_of_a_jump_are_no_jump():
    assert find(with_policy(ratio_highest=5.0, ratio_lowest=0.1, kl=0.1)) == ()


@pytest.mark.requirement("6.4")
def test_the_ratio_of_a_single_head_is_no_alarm():
    heads = dict(ORDINARY.heads)
    heads["op"] = replace(heads["op"], ratio_highest=50.0, ratio_lowest=0.0)
    assert find(replace(ORDINARY, heads=heads)) == ()


@pytest.mark.requirement("6.4")
def test_a_critic_worse_than_a_constant_is_told_after_three_rounds():
    collapsed = with_value(explained_variance=-0.5, absolute_error=1.2)
    (alarm,) = find(collapsed, collapsed, collapsed)
    assert alarm == (
        "value error was 1.2, above the spread of the returns (0.9) for 3 rounds: the critic is "
        "worse than a constant"
    )
    assert find(collapsed, collapsed) == ()
    assert find(collapsed, ORDINARY, collapsed) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"explained_variance": -40.0, "absolute_error": 0.2},  # returns hardly differ
        {"explained_variance": None, "absolute_error": 1.2},  # all returns are equal
        {"explained_variance": 0.5, "absolute_error": 1.2},  # off by a constant that is learned
    ],
)
def test_a_critic_with_an_excuse_did_not_collapse(changes):
    assert find(*[with_value(**changes)] * 3) == ()


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("figure", "noun"), [("advantage", "advantage"), ("value_error", "value error")]
)
@pytest.mark.requirement("3.3")
def test_an_op_that_stays_off_is_told_after_five_rounds(figure, noun, sign):
    drifting = with_op(**{figure: sign * 1.0})
    (alarm,) = find(*[drifting] * 5)
    assert alarm.startswith(f"mean {noun} of PRUNE was {'+' if sign > 0 else '-'}")
    assert "beyond 3 on one side for 5 rounds" in alarm
    assert find(*[drifting] * 4) == ()
    assert find(drifting, drifting, ORDINARY_WITH_OP, drifting, drifting) == ()


ORDINARY_WITH_OP = with_op()


@pytest.mark.parametrize(
    "changes",
    [
        {"advantage": 0.25, "value_error": 0.25},  # within three standard errors
        {"advantage": 1.0, "value_error": 1.0, "count": 3},  # seldom chosen
        {"advantage": 1.0, "value_error": 1.0, "episodes": 0},  # no episode to judge by
        {"advantage": None, "value_error": None, "count": 0},  # never chosen
    ],
)
def test_an_op_with_too_little_to_go_by_does_not_drift(changes):
    assert find(*[with_op(**changes)] * 5) == ()


def test_a_drift_that_changes_sides_is_chance():
    sides = [with_op(advantage=sign * 1.0) for sign in (1, -1, 1, -1, 1)]
    assert find(*sides) == ()


def test_a_drift_of_all_ops_alike_is_not_one_of_an_op():
    late = with_value(mean=-2.0)  # the critic lags behind by 2.5
    ops = {name: OpReport(count=400, legal=800, advantage=0.0, value_error=2.5) for name in "ab"}
    assert find(*[replace(late, ops=ops)] * 5) == ()


def test_drift_is_silent_where_returns_or_advantages_are_all_equal():
    ops = {"PRUNE": OpReport(count=400, legal=800, advantage=1.0, value_error=1.0)}
    flat = replace(with_value(explained_variance=None), ops=ops)
    flat = replace(flat, advantages=replace(flat.advantages, std=0.0))
    assert find(*[flat] * 5) == ()


@pytest.mark.parametrize(("share", "alarms"), [(0.25, 1), (0.1, 0), (0.0, 0)])
@pytest.mark.requirement("7.8")
def test_planting_and_pruning_without_gain_is_told(share, alarms):
    rollout = replace(ORDINARY.rollout, environment={THRASHING_METRIC: share})
    found = find(replace(ORDINARY, rollout=rollout))
    assert len(found) == alarms
    assert all(alarm.startswith("in 25% of the episodes, above 10%, seeds") for alarm in found)
