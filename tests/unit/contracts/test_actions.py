"""The action heads: integer values, sizes, neutral choices, parents and use by op."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import (
    HEADS_USED_BY,
    AlphaAlgorithm,
    AlphaCurve,
    AlphaMode,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    ConfigError,
    CurveChoice,
    Head,
    LifecycleOp,
    Style,
    Tempo,
    build_action_spec,
    ramp_fraction,
)

SLOTS = ("r0c0", "r0c1", "r1c0")
SPEC = build_action_spec(SLOTS)
USED = {
    "WAIT": "op",
    "GERMINATE": "op slot blueprint style tempo alpha_target",
    "SET_ALPHA_TARGET": "op slot style alpha_target alpha_speed alpha_curve",
    "PRUNE": "op slot alpha_speed alpha_curve",
    "FOSSILIZE": "op slot",
    "ADVANCE": "op slot",
}


@pytest.mark.parametrize(
    ("enum", "names"),
    [
        (AlphaMode, {"HOLD": 0, "UP": 1, "DOWN": 2}),
        (AlphaCurve, {"LINEAR": 1, "COSINE": 2, "SIGMOID": 3}),
        (AlphaAlgorithm, {"ADD": 1, "MULTIPLY": 2, "GATE": 3}),
        (Style, {"LINEAR_ADD": 0, "LINEAR_MULTIPLY": 1, "SIGMOID_ADD": 2, "GATED_GATE": 3}),
        (Tempo, {"FAST": 0, "STANDARD": 1, "SLOW": 2}),
        (AlphaTarget, {"HALF": 0, "SEVENTY": 1, "FULL": 2}),
        (AlphaSpeed, {"INSTANT": 0, "FAST": 1, "MEDIUM": 2, "SLOW": 3}),
        (CurveChoice, {"LINEAR": 0, "COSINE": 1, "SIGMOID": 2}),
    ],
)
def test_enums_have_the_documented_integers(enum, names):
    assert {member.name: int(member) for member in enum} == names


@pytest.mark.requirement("1.3")
def test_blueprints_have_the_documented_indices():
    names = [member.name.lower() for member in Blueprint]
    assert " ".join(names) == (
        "noop conv_light attention norm depthwise bottleneck conv_small conv_heavy "
        "lora lora_large mlp_small mlp flex_attention"
    )
    assert [int(member) for member in Blueprint] == list(range(13))


@pytest.mark.parametrize(
    ("style", "algorithm", "curve"),
    [
        (Style.LINEAR_ADD, AlphaAlgorithm.ADD, AlphaCurve.LINEAR),
        (Style.LINEAR_MULTIPLY, AlphaAlgorithm.MULTIPLY, AlphaCurve.LINEAR),
        (Style.SIGMOID_ADD, AlphaAlgorithm.ADD, AlphaCurve.SIGMOID),
        (Style.GATED_GATE, AlphaAlgorithm.GATE, AlphaCurve.LINEAR),
    ],
)
def test_a_style_is_an_algorithm_and_a_first_ramp(style, algorithm, curve):
    assert (style.algorithm, style.ramp_curve) == (algorithm, curve)


def test_choices_stand_for_the_documented_numbers():
    assert [tempo.epochs for tempo in Tempo] == [3, 5, 8]
    assert [target.alpha for target in AlphaTarget] == [0.5, 0.7, 1.0]
    assert [speed.epochs for speed in AlphaSpeed] == [0, 3, 5, 8]
    assert [choice.curve for choice in CurveChoice] == list(AlphaCurve)


@pytest.mark.requirement("0.11")
def test_heads_come_in_sampling_order_with_the_documented_sizes():
    assert SPEC.names == tuple(Head)
    assert SPEC.nvec == (6, 3, 13, 4, 3, 3, 4, 3)


@pytest.mark.requirement("0.11")
def test_neutral_choices_are_the_documented_ones():
    neutral = {head.name: head.choices[head.neutral] for head in SPEC.heads}
    assert neutral == {
        "op": "WAIT",
        "slot": "r0c0",
        "blueprint": "NOOP",
        "style": "SIGMOID_ADD",
        "tempo": "STANDARD",
        "alpha_target": "FULL",
        "alpha_speed": "INSTANT",
        "alpha_curve": "LINEAR",
    }


@pytest.mark.parametrize("op", list(LifecycleOp), ids=lambda op: op.name)
@pytest.mark.requirement("0.11", "3.2")
def test_each_op_uses_the_documented_heads(op):
    assert " ".join(HEADS_USED_BY[op]) == USED[op.name]
    assert SPEC.used_when[op] == frozenset(USED[op.name].split())


def test_parents_precede_their_head():
    for position, head in enumerate(SPEC.heads):
        assert set(head.parents) <= set(SPEC.names[:position])


@pytest.mark.parametrize("op", list(LifecycleOp), ids=lambda op: op.name)
@pytest.mark.requirement("0.9")
def test_canonicalize_forces_unused_heads_to_neutral_and_keeps_the_rest(op):
    action = (int(op), 2, 7, 0, 2, 1, 3, 2)
    canonical = SPEC.canonicalize(action)
    for head, wanted, got in zip(SPEC.heads, action, canonical, strict=True):
        assert got == (wanted if head.name in USED[op.name].split() else head.neutral)
    assert SPEC.canonicalize(canonical) == canonical


def test_no_slots_at_all_are_refused():
    with pytest.raises(ConfigError, match=r"neutral of slot must be in \[0, 0\), got 0"):
        build_action_spec(())


@pytest.mark.parametrize("curve", list(AlphaCurve), ids=lambda curve: curve.name)
def test_a_curve_runs_from_exactly_zero_to_one_through_the_middle(curve):
    assert ramp_fraction(curve, 0.0) == 0.0
    assert ramp_fraction(curve, 1.0) == 1.0
    assert ramp_fraction(curve, 0.5) == pytest.approx(0.5)


@given(st.sampled_from(AlphaCurve), st.floats(0, 1), st.floats(0, 1))
def test_a_curve_never_falls_and_is_symmetric(curve, one, two):
    low, high = sorted((one, two))
    assert ramp_fraction(curve, low) <= ramp_fraction(curve, high) + 1e-12
    assert ramp_fraction(curve, low) + ramp_fraction(curve, 1 - low) == pytest.approx(1)
