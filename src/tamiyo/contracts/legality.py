"""The one place that says what is legal: masks, execution, controllers and tests all ask here.

A decision is legal head by head, in sampling order: the legal choices of a head follow from the
host's report and from the choices already made. What is legal is executed, never refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from tamiyo.contracts.actions import (
    HEADS_USED_BY,
    AlphaAlgorithm,
    AlphaMode,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    CurveChoice,
    Head,
    Style,
    build_action_spec,
)
from tamiyo.contracts.lifecycle import (
    ADVANCE_GATES,
    LIVE_STAGES,
    TRANSITIONS,
    LifecycleOp,
    SeedStage,
)
from tamiyo.contracts.reports import HostReport, SlotReport

if TYPE_CHECKING:
    from tamiyo.contracts.learning.spaces import ActionSpec, HeadSpec

__all__ = ["SAME_ALPHA", "find_refusal", "legal_choices", "legal_ops", "list_legal_ops"]

SAME_ALPHA: Final = 1e-6
"""Difference up to which two alphas count as one."""


def legal_ops(slot: SlotReport, host: HostReport) -> frozenset[LifecycleOp]:
    """Say which ops may be carried out on one slot now.

    Args:
        slot: The slot.
        host: The host it belongs to, for the parameter budget and the pruning age.

    Returns:
        The legal ops; WAIT is always among them.
    """
    ops = {LifecycleOp.WAIT}
    if slot.stage is None:
        if any(_fits_budget(host, size) for size in _buildable(slot).values()):
            ops.add(LifecycleOp.GERMINATE)
        return frozenset(ops)
    seed = slot.seed
    if seed is None:
        return frozenset(ops)
    steady = seed.alpha.mode == AlphaMode.HOLD
    gate_passed = seed.gate is not None and seed.gate.passed
    if slot.stage in ADVANCE_GATES and gate_passed:
        ops.add(LifecycleOp.ADVANCE)
    if slot.stage == SeedStage.HOLDING and gate_passed:
        ops.add(LifecycleOp.FOSSILIZE)
    if slot.stage in LIVE_STAGES and steady:
        ops.add(LifecycleOp.SET_ALPHA_TARGET)
    old_enough = seed.age_epochs >= host.min_prune_age_epochs
    if SeedStage.PRUNED in TRANSITIONS[slot.stage] and steady and old_enough:
        ops.add(LifecycleOp.PRUNE)
    return frozenset(ops)


def list_legal_ops(host: HostReport) -> tuple[LifecycleOp, ...]:
    """Return the ops that may be carried out on some slot now, in the order of the op head."""
    flags = legal_choices(host, Head.OP, {})
    return tuple(op for op, is_legal in zip(LifecycleOp, flags, strict=True) if is_legal)


def legal_choices(host: HostReport, head: str, chosen: Mapping[str, int]) -> tuple[bool, ...]:
    """Say which choices of a head are legal after the choices of the heads before it.

    Args:
        host: The host's report.
        head: Name of the head to choose now.
        chosen: Index chosen for every head before it.

    Returns:
        One flag per choice; at least one is true after legal earlier choices.
    """
    spec = build_action_spec(host.slot_ids)
    return _head_mask(host, _head_of(spec, head), chosen)


def find_refusal(host: HostReport, action: tuple[int, ...]) -> str | None:
    """Check a whole action.

    Args:
        host: The host's report.
        action: One index per head; what stands in a head the op does not use is ignored.

    Returns:
        ``None`` if the action is legal, else one sentence: which head broke the rule and what was
        legal.

    Raises:
        ConfigError: If the length or an index does not fit the heads.
    """
    chosen: dict[str, int] = {}
    spec = build_action_spec(host.slot_ids)
    for head, index in zip(spec.heads, spec.canonicalize(action), strict=True):
        mask = _head_mask(host, head, chosen)
        if not mask[index]:
            legal = [name for name, allowed in zip(head.choices, mask, strict=True) if allowed]
            return (
                f"{head.name} must be one of {', '.join(legal) or 'nothing'} here, "
                f"got {head.choices[index]}{_situation(host, chosen)}"
            )
        chosen[head.name] = index
    return None


def _head_of(spec: ActionSpec, name: str) -> HeadSpec:
    return spec.heads[spec.names.index(name)]


def _head_mask(host: HostReport, head: HeadSpec, chosen: Mapping[str, int]) -> tuple[bool, ...]:
    if head.name == Head.OP:
        legal = frozenset().union(*(legal_ops(slot, host) for slot in host.slots))
        return tuple(op in legal for op in LifecycleOp)
    op = LifecycleOp(chosen[Head.OP])
    if head.name not in HEADS_USED_BY[op]:
        return tuple(index == head.neutral for index in range(head.size))
    if head.name == Head.SLOT:
        return tuple(op in legal_ops(slot, host) for slot in host.slots)
    rule = _PARAMETER_RULES.get(Head(head.name))
    if rule is None:
        return (True,) * head.size
    slot = host.slots[chosen[Head.SLOT]]
    return tuple(rule(host, slot, chosen, index) for index in range(head.size))


def _situation(host: HostReport, chosen: Mapping[str, int]) -> str:
    """Name slot, stage and failed checks, so that a refusal explains itself."""
    if Head.OP not in chosen or Head.SLOT not in chosen:
        stages = ", ".join(f"{slot.slot_id} {_stage_name(slot)}" for slot in host.slots)
        return f" ({stages})"
    slot = host.slots[chosen[Head.SLOT]]
    return f" ({LifecycleOp(chosen[Head.OP]).name} on {slot.slot_id}, {_stage_name(slot)})"


def _stage_name(slot: SlotReport) -> str:
    if slot.stage is None:
        return "empty"
    failed = [] if slot.seed is None or slot.seed.gate is None else slot.seed.gate.checks
    reasons = "; ".join(
        f"{check.name} {'unmeasured' if check.measured is None else format(check.measured, '.3g')}"
        f" below {check.required:.3g}"
        for check in failed
        if not check.passed
    )
    return slot.stage.name + (f", {reasons}" if reasons else "")


def _buildable(slot: SlotReport) -> dict[Blueprint, int]:
    return {b: size for b, size in slot.blueprint_parameters.items() if b != Blueprint.NOOP}


def _fits_budget(host: HostReport, added: int) -> bool:
    return host.max_parameters is None or host.parameters + added <= host.max_parameters


def _blueprint_rule(
    host: HostReport, slot: SlotReport, _chosen: Mapping[str, int], index: int
) -> bool:
    size = _buildable(slot).get(Blueprint(index))
    return size is not None and _fits_budget(host, size)


def _style_rule(host: HostReport, slot: SlotReport, chosen: Mapping[str, int], index: int) -> bool:
    added = 0
    if chosen[Head.OP] == LifecycleOp.GERMINATE:
        added = slot.blueprint_parameters[Blueprint(chosen[Head.BLUEPRINT])]
    gated = Style(index).algorithm == AlphaAlgorithm.GATE
    has_gate = slot.seed is not None and slot.seed.style.algorithm == AlphaAlgorithm.GATE
    if gated and not has_gate:
        added += slot.gate_parameters
    return added == 0 or _fits_budget(host, added)


def _target_rule(
    _host: HostReport, slot: SlotReport, chosen: Mapping[str, int], index: int
) -> bool:
    """A retarget must change something: the style, or else the alpha."""
    if slot.seed is None or _changes_style(slot, chosen):
        return True
    return abs(AlphaTarget(index).alpha - slot.seed.alpha.alpha) > SAME_ALPHA


def _speed_rule(_host: HostReport, slot: SlotReport, chosen: Mapping[str, int], index: int) -> bool:
    """A change of style needs time to cross-fade; a seed without influence has nothing to ramp."""
    instant = index == AlphaSpeed.INSTANT
    if chosen[Head.OP] == LifecycleOp.SET_ALPHA_TARGET:
        return not (instant and _changes_style(slot, chosen))
    return instant or (slot.seed is not None and slot.seed.alpha.alpha > 0)


def _curve_rule(
    _host: HostReport, _slot: SlotReport, chosen: Mapping[str, int], index: int
) -> bool:
    return chosen[Head.ALPHA_SPEED] != AlphaSpeed.INSTANT or index == CurveChoice.LINEAR


def _changes_style(slot: SlotReport, chosen: Mapping[str, int]) -> bool:
    return slot.seed is not None and chosen[Head.STYLE] != slot.seed.style


_Rule = Callable[[HostReport, SlotReport, Mapping[str, int], int], bool]
_PARAMETER_RULES: Final[Mapping[Head, _Rule]] = {
    Head.BLUEPRINT: _blueprint_rule,
    Head.STYLE: _style_rule,
    Head.ALPHA_TARGET: _target_rule,
    Head.ALPHA_SPEED: _speed_rule,
    Head.ALPHA_CURVE: _curve_rule,
}
