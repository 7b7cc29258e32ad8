"""Legality: every stage and op, every head after every legal prefix, and refusals that agree."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import (
    HEADS_USED_BY,
    AlphaMode,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    ConfigError,
    CurveChoice,
    Head,
    LifecycleOp,
    SeedStage,
    Style,
    build_action_spec,
    find_refusal,
    legal_choices,
    legal_ops,
    list_legal_ops,
)
from tests.support.reports import (
    build_alpha_report,
    build_host_report,
    build_slot_report,
    host_reports,
)

EMPTY = "empty"
LEGAL_WHEN_ALL_IS_WELL = {
    EMPTY: "WAIT GERMINATE",
    "GERMINATED": "WAIT ADVANCE PRUNE",
    "TRAINING": "WAIT ADVANCE PRUNE",
    "BLENDING": "WAIT ADVANCE SET_ALPHA_TARGET PRUNE",
    "HOLDING": "WAIT FOSSILIZE SET_ALPHA_TARGET PRUNE",
    "FOSSILIZED": "WAIT",
    "PRUNED": "WAIT",
    "EMBARGOED": "WAIT",
    "RESETTING": "WAIT",
}
GATED_OPS = {"ADVANCE", "FOSSILIZE"}
STEADY_OPS = {"SET_ALPHA_TARGET", "PRUNE"}
GRID = [(stage, op) for stage in LEGAL_WHEN_ALL_IS_WELL for op in LifecycleOp]
LIVE = ["BLENDING", "HOLDING"]


def slot_in(stage, *, gate_passed=True, **seed_changes):
    stage = None if stage == EMPTY else SeedStage[stage]
    slot = build_slot_report(stage=stage, gate_passed=gate_passed)
    return slot if slot.seed is None else replace(slot, seed=replace(slot.seed, **seed_changes))


def ops_of(slot, **host_changes):
    return {op.name for op in legal_ops(slot, build_host_report(slot, **host_changes))}


def expected_ops(stage, *, without=frozenset()):
    return set(LEGAL_WHEN_ALL_IS_WELL[stage].split()) - without


def choices(head, host=None, **chosen):
    spec = build_action_spec((host or build_host_report()).slot_ids)
    mask = legal_choices(host or build_host_report(), head, chosen)
    names = spec.heads[spec.names.index(head)].choices
    return {name for name, legal in zip(names, mask, strict=True) if legal}


def action_for(op, **values):
    spec = build_action_spec(("r0c0",))
    used = HEADS_USED_BY[op]
    return (int(op), *(values.get(h.name, h.neutral) if h.name in used else h.neutral
                       for h in spec.heads[1:]))  # fmt: skip


def retargets(**seed_changes):
    """A host with a holding seed in LINEAR_ADD at alpha 1, and the choices up to the style."""
    seed = {"style": Style.LINEAR_ADD} | seed_changes
    host = build_host_report(slot_in("HOLDING", **seed))
    return host, {"op": LifecycleOp.SET_ALPHA_TARGET, "slot": 0, "blueprint": 0}


@pytest.mark.parametrize(("stage", "op"), GRID)
@pytest.mark.requirement("0.5", "4.2")
def test_an_op_is_legal_in_exactly_the_stages_of_the_table(stage, op):
    assert (op.name in ops_of(slot_in(stage))) == (op.name in expected_ops(stage))


@pytest.mark.parametrize("stage", LEGAL_WHEN_ALL_IS_WELL)
@pytest.mark.requirement("0.9")
def test_a_failed_gate_forbids_advance_and_fossilize_and_nothing_else(stage):
    slot = slot_in(stage, gate_passed=False)
    assert ops_of(slot) == expected_ops(stage, without=GATED_OPS)


@pytest.mark.parametrize("stage", ["GERMINATED", "TRAINING", "BLENDING", "HOLDING"])
def test_a_gate_that_was_never_asked_counts_as_failed(stage):
    assert ops_of(slot_in(stage, gate=None)) == expected_ops(stage, without=GATED_OPS)


@pytest.mark.parametrize("mode", [AlphaMode.UP, AlphaMode.DOWN])
@pytest.mark.parametrize("stage", LIVE)
@pytest.mark.requirement("0.5")
def test_a_ramp_forbids_retarget_and_prune(stage, mode):
    slot = slot_in(stage, alpha=build_alpha_report(alpha=0.4, mode=mode))
    assert ops_of(slot) == expected_ops(stage, without=STEADY_OPS)


@pytest.mark.parametrize("age", [0, 1, 2, 3])
@pytest.mark.parametrize("stage", ["GERMINATED", "TRAINING", "BLENDING", "HOLDING"])
@pytest.mark.requirement("0.5")
def test_prune_of_a_young_seed_is_masked(stage, age):
    assert ("PRUNE" in ops_of(slot_in(stage, age_epochs=age))) == (age >= 2)


@pytest.mark.parametrize(("least", "legal"), [(0, True), (5, True), (6, False)])
def test_the_pruning_age_is_the_hosts(least, legal):
    assert ("PRUNE" in ops_of(slot_in("HOLDING"), min_prune_age_epochs=least)) == legal


def test_wait_is_legal_whatever_the_slots_do():
    slots = [slot_in(stage) for stage in LEGAL_WHEN_ALL_IS_WELL]
    slots = [replace(slot, slot_id=f"r0c{i}") for i, slot in enumerate(slots)]
    assert legal_choices(build_host_report(*slots), Head.OP, {}) == (True,) * 6


def test_ops_that_are_legal_in_some_slot_are_listed_in_the_order_of_the_head():
    slots = [slot_in("HOLDING"), replace(slot_in(EMPTY), slot_id="r0c9")]
    found = list_legal_ops(build_host_report(*slots))
    names = f"{LEGAL_WHEN_ALL_IS_WELL['HOLDING']} {LEGAL_WHEN_ALL_IS_WELL[EMPTY]}"
    assert set(found) == {LifecycleOp[name] for name in names.split()}
    assert list(found) == sorted(found)


@given(host_reports())
def test_noop_is_never_legal_where_it_would_be_used(host):
    mask = legal_choices(host, Head.OP, {})
    if mask[LifecycleOp.GERMINATE]:
        chosen = {"op": LifecycleOp.GERMINATE}
        slot = legal_choices(host, Head.SLOT, chosen).index(True)
        assert not legal_choices(host, Head.BLUEPRINT, chosen | {"slot": slot})[Blueprint.NOOP]


@pytest.mark.requirement("3.1")
def test_a_host_without_a_free_slot_leaves_every_other_head_neutral():
    host = build_host_report(slot_in("FOSSILIZED"))
    chosen = {"op": LifecycleOp.WAIT, "slot": 0, "blueprint": 0, "style": 2}
    assert choices(Head.OP, host) == {"WAIT"}
    assert choices(Head.BLUEPRINT, host, **chosen) == {"NOOP"}
    assert choices(Head.STYLE, host, **chosen) == {"SIGMOID_ADD"}
    assert choices(Head.ALPHA_TARGET, host, **chosen) == {"FULL"}


@pytest.mark.parametrize(
    ("budget", "names"),
    [
        (1019, set()),
        (1020, {"NORM"}),
        (1060, {"NORM", "CONV_SMALL"}),
        (1250, {"NORM", "CONV_SMALL", "DEPTHWISE", "BOTTLENECK", "ATTENTION"}),
    ],
)
@pytest.mark.requirement("0.9")
def test_a_blueprint_beyond_the_budget_is_masked(budget, names):
    host = build_host_report(max_parameters=budget)
    assert choices(Head.BLUEPRINT, host, op=LifecycleOp.GERMINATE, slot=0) == names
    assert ("GERMINATE" in choices(Head.OP, host)) == bool(names)


def test_a_blueprint_that_does_not_fit_the_slot_is_masked():
    slot = build_slot_report(blueprint_parameters={Blueprint.NOOP: 0, Blueprint.LORA: 8})
    chosen = {"op": LifecycleOp.GERMINATE, "slot": 0}
    assert choices(Head.BLUEPRINT, build_host_report(slot), **chosen) == {"LORA"}


def test_a_slot_that_takes_noop_only_cannot_germinate():
    slot = build_slot_report(blueprint_parameters={Blueprint.NOOP: 0})
    assert ops_of(slot) == {"WAIT"}


@pytest.mark.parametrize(("budget", "legal"), [(1024, False), (1025, True)])
def test_the_parameters_of_the_gate_count_for_the_gated_style(budget, legal):
    chosen = {"op": LifecycleOp.GERMINATE, "slot": 0, "blueprint": Blueprint.NORM}
    styles = choices(Head.STYLE, build_host_report(max_parameters=budget), **chosen)
    assert styles - {"GATED_GATE"} == {"LINEAR_ADD", "LINEAR_MULTIPLY", "SIGMOID_ADD"}
    assert ("GATED_GATE" in styles) == legal


@pytest.mark.parametrize(("spare", "legal"), [(4, False), (5, True)])
def test_a_retarget_to_the_gated_style_pays_for_its_gate(spare, legal):
    host, chosen = retargets()
    host = replace(host, max_parameters=host.parameters + spare)
    assert ("GATED_GATE" in choices(Head.STYLE, host, **chosen)) == legal


def test_a_seed_that_has_its_gate_pays_no_second_time():
    host, chosen = retargets(style=Style.GATED_GATE)
    host = replace(host, max_parameters=host.parameters)
    assert "GATED_GATE" in choices(Head.STYLE, host, **chosen)


@pytest.mark.parametrize("target", list(AlphaTarget), ids=lambda target: target.name)
def test_a_retarget_in_the_same_style_must_change_alpha(target):
    host, chosen = retargets(alpha=build_alpha_report(alpha=target.alpha))
    same = choices(Head.ALPHA_TARGET, host, **chosen, style=Style.LINEAR_ADD, tempo=1)
    other = choices(Head.ALPHA_TARGET, host, **chosen, style=Style.SIGMOID_ADD, tempo=1)
    assert same == {"HALF", "SEVENTY", "FULL"} - {target.name}
    assert other == {"HALF", "SEVENTY", "FULL"}


@pytest.mark.parametrize("style", list(Style), ids=lambda style: style.name)
@pytest.mark.requirement("0.10")
def test_instant_is_illegal_with_a_change_of_style(style):
    host, chosen = retargets()
    chosen |= {"style": style, "tempo": 1, "alpha_target": AlphaTarget.HALF}
    instant = "INSTANT" in choices(Head.ALPHA_SPEED, host, **chosen)
    assert instant == (style == Style.LINEAR_ADD)


@pytest.mark.parametrize(
    ("stage", "speeds"),
    [
        ("GERMINATED", {"INSTANT"}),
        ("TRAINING", {"INSTANT"}),
        ("BLENDING", {"INSTANT", "FAST", "MEDIUM", "SLOW"}),
        ("HOLDING", {"INSTANT", "FAST", "MEDIUM", "SLOW"}),
    ],
)
def test_a_seed_without_influence_is_pruned_at_once_only(stage, speeds):
    host = build_host_report(slot_in(stage))
    chosen = {"op": LifecycleOp.PRUNE, "slot": 0, "style": Style.SIGMOID_ADD}
    assert choices(Head.ALPHA_SPEED, host, **chosen) == speeds


@pytest.mark.parametrize("speed", list(AlphaSpeed), ids=lambda speed: speed.name)
def test_a_jump_has_no_curve(speed):
    host = build_host_report(slot_in("HOLDING"))
    chosen = {"op": LifecycleOp.PRUNE, "slot": 0, "alpha_speed": speed}
    curves = {"LINEAR"} if speed == AlphaSpeed.INSTANT else {"LINEAR", "COSINE", "SIGMOID"}
    assert choices(Head.ALPHA_CURVE, host, **chosen) == curves


def test_only_the_slots_an_op_fits_can_be_chosen():
    slots = [slot_in("HOLDING"), slot_in(EMPTY), slot_in("PRUNED")]
    host = build_host_report(*(replace(s, slot_id=f"r0c{i}") for i, s in enumerate(slots)))
    assert choices(Head.SLOT, host, op=LifecycleOp.GERMINATE) == {"r0c1"}
    assert choices(Head.SLOT, host, op=LifecycleOp.PRUNE) == {"r0c0"}
    assert choices(Head.SLOT, host, op=LifecycleOp.WAIT) == {"r0c0"}


@given(host_reports(), st.data())
@pytest.mark.requirement("3.1")
def test_after_legal_choices_every_head_has_a_legal_one_and_the_whole_is_not_refused(host, data):
    chosen = {}
    for head in build_action_spec(host.slot_ids).heads:
        mask = legal_choices(host, head.name, chosen)
        assert len(mask) == head.size
        legal = [index for index, allowed in enumerate(mask) if allowed]
        assert legal, (head.name, chosen)
        chosen[head.name] = data.draw(st.sampled_from(legal), label=head.name)
    assert find_refusal(host, tuple(chosen.values())) is None


@given(host_reports(), st.data())
def test_a_refusal_names_the_first_head_that_broke_a_rule(host, data):
    spec = build_action_spec(host.slot_ids)
    action = spec.canonicalize(
        tuple(data.draw(st.integers(0, size - 1), label="index") for size in spec.nvec)
    )
    chosen = dict(zip(spec.names, action, strict=True))
    broken = next(
        (name for name in spec.names if not legal_choices(host, name, chosen)[chosen[name]]), None
    )
    refusal = find_refusal(host, action)
    assert refusal is None if broken is None else refusal.startswith(f"{broken} must be one of ")


@given(host_reports(), st.data())
def test_a_mask_depends_on_the_declared_parents_only(host, data):
    spec = build_action_spec(host.slot_ids)
    chosen = dict(data.draw(st.fixed_dictionaries(
        {head.name: st.integers(0, head.size - 1) for head in spec.heads[:1]})))  # fmt: skip
    for head in spec.heads[1:]:
        parents = {name: chosen[name] for name in head.parents}
        mask = legal_choices(host, head.name, chosen)
        assert mask == legal_choices(host, head.name, parents)
        legal = [index for index, allowed in enumerate(mask) if allowed] or [head.neutral]
        if not any(mask):
            return
        chosen[head.name] = data.draw(st.sampled_from(legal), label=head.name)


def test_a_refusal_says_what_was_legal_and_why():
    host = build_host_report(slot_in("TRAINING", gate_passed=False))
    refusal = find_refusal(host, action_for(LifecycleOp.ADVANCE, slot=0))
    assert refusal == (
        "op must be one of WAIT, PRUNE here, got ADVANCE (r0c0 TRAINING, check 0 below 1)"
    )


def test_a_refusal_in_a_slot_names_op_slot_and_stage():
    host = build_host_report(slot_in("GERMINATED"))
    action = action_for(LifecycleOp.PRUNE, slot=0, alpha_speed=AlphaSpeed.SLOW)
    assert find_refusal(host, action) == (
        "alpha_speed must be one of INSTANT here, got SLOW (PRUNE on r0c0, GERMINATED)"
    )


def test_an_unmeasured_check_is_called_unmeasured():
    slot = slot_in("HOLDING", gate_passed=False)
    check = replace(slot.seed.gate.checks[0], measured=None)
    gate = replace(slot.seed.gate, checks=(check,))
    host = build_host_report(replace(slot, seed=replace(slot.seed, gate=gate)))
    refusal = find_refusal(host, action_for(LifecycleOp.FOSSILIZE, slot=0))
    assert "check unmeasured below 1" in refusal


@pytest.mark.requirement("0.9")
def test_what_stands_in_an_unused_head_is_ignored():
    action = (LifecycleOp.WAIT, 0, Blueprint.NORM, 0, 0, 0, AlphaSpeed.SLOW, CurveChoice.COSINE)
    assert find_refusal(build_host_report(), action) is None


def test_an_index_outside_its_head_is_an_error_not_a_choice():
    action = (LifecycleOp.PRUNE, 0, 0, 2, 1, 2, -1, 0)
    with pytest.raises(ConfigError, match=r"alpha_speed must be .*got -1"):
        find_refusal(build_host_report(slot_in("HOLDING")), action)
