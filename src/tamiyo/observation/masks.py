"""Which actions are legal in each environment, as one flat conditional mask.

Everything but the comparison with the parameter budget is looked up in tables that legality filled.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tamiyo.contracts import AlphaMode, Blueprint, Head, LifecycleOp, ShapeError
from tamiyo.observation.arrays import FREE, Flags, Integers, find_living
from tamiyo.observation.legality_tables import build_legality_tables, classify_seeds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tamiyo.contracts import ActionSpec
    from tamiyo.observation.arrays import HostArrays, SizeArrays

__all__ = ["compute_action_masks"]


def compute_action_masks(arrays: HostArrays, spec: ActionSpec) -> Flags:
    """Say what is legal after the next decision's earlier choices.

    Args:
        arrays: What is known about the environments.
        spec: Growth's action specification, with as many slots as the arrays have.

    Returns:
        The flat conditional mask, bool, ``[N, spec.mask_size]``: for each head its legal choices
        under every choice of its parents; all false under parents that are illegal themselves.

    Raises:
        ShapeError: If the specification is for another number of slots.
        StageError: If a stage is none of the ten; the message names slot and environment.
    """
    num_envs, slots = arrays.seeds.stage.shape
    slot_head = spec.heads[spec.names.index(Head.SLOT)]
    if slot_head.size != slots:
        message = f"arrays must have {slot_head.size} slots as the actions do, got {slots}"
        raise ShapeError(message)
    masks = np.zeros((num_envs, spec.mask_size), dtype=np.bool_)
    of_head = {
        name: masks[:, place].reshape(num_envs, *shape, copy=False)
        for name, place, shape in zip(spec.names, spec.mask_slices, spec.mask_shapes, strict=True)
    }
    seed = classify_seeds(arrays.seeds, find_living(arrays.seeds))
    offered, has_room_for_gate = _compare_with_budget(arrays.sizes)
    ops = _find_ops(arrays, offered)
    of_head[Head.OP][:] = ops.any(axis=1)
    of_head[Head.SLOT][:] = ops.transpose(0, 2, 1)
    for op in LifecycleOp:
        if Head.SLOT not in spec.used_when[op]:
            of_head[Head.SLOT][:, op] = np.arange(slots) == slot_head.neutral
    # Few ops are legal on few slots: the parameters are filled in for those alone.
    where = np.nonzero(of_head[Head.SLOT])
    at = where[0], where[2]
    rows = _find_parameters(seed[at], where[1], offered[at], has_room_for_gate[at])
    for head, legal in rows.items():
        of_head[head][where] = legal
    return masks


def _compare_with_budget(sizes: SizeArrays) -> tuple[Flags, Flags]:
    """Say which blueprints fit a slot, and which still do with a gate, both ``[N, S, 13]``."""
    room = (sizes.max_parameters - sizes.parameters)[:, None, None]
    added = np.maximum(sizes.blueprint_parameters, 0)
    with_gate = added + sizes.gate_parameters[:, :, None]
    offered = (sizes.blueprint_parameters >= 0) & (added <= room)
    offered[:, :, Blueprint.NOOP] = False
    return offered, (with_gate <= room) | (with_gate == 0)


def _find_ops(arrays: HostArrays, offered: Flags) -> Flags:
    """Look up the legal ops of each slot, ``[N, S, op]``."""
    seeds = arrays.seeds
    old_enough = seeds.age_epochs >= arrays.sizes.min_prune_age_epochs[:, None]
    facts = (
        seeds.alpha_mode == AlphaMode.HOLD,
        seeds.gate_passed,
        old_enough,
        offered.any(axis=2),
    )
    stage = seeds.stage.astype(np.intp) - FREE
    legal: Flags = build_legality_tables().ops[(stage, *(fact.astype(np.intp) for fact in facts))]
    return legal


def _find_parameters(
    seed: Integers, op: Integers, offered: Flags, has_room_for_gate: Flags
) -> dict[Head, Flags]:
    """Look up the legal parameters of ``L`` pairs of op and slot.

    Args:
        seed: Class of the slot's seed, ``[L]``.
        op: The op, ``[L]``.
        offered: Blueprints that fit, ``[L, 13]``.
        has_room_for_gate: Those that still do with a gate, ``[L, 13]``.

    Returns:
        For each head ``[L, other parents, choice]``.
    """
    tables = build_legality_tables()
    legal = {head: table[seed, op] for head, table in tables.parameters.items()}
    legal[Head.BLUEPRINT] &= offered | tables.never_offered[seed, op]
    # Nothing is legal under a choice that is not legal itself.
    with_gate, without_gate = _pack(legal[Head.STYLE]), _pack(tables.gate_exceeds[seed, op])
    style = np.where(has_room_for_gate, with_gate, without_gate)
    style = np.where(legal[Head.BLUEPRINT], style, np.uint32(0))
    legal[Head.STYLE] = _unpack(style)
    any_style = _unpack(np.bitwise_or.reduce(style, axis=1))[:, :, None]
    legal[Head.ALPHA_TARGET] &= any_style
    legal[Head.ALPHA_SPEED] &= any_style
    speed = np.bitwise_or.reduce(_pack(legal[Head.ALPHA_SPEED]), axis=1)
    legal[Head.ALPHA_CURVE] &= _unpack(speed)[:, :, None]
    return legal


def _pack(flags: Flags) -> NDArray[np.uint32]:
    """View a last axis of four flags as one word, which NumPy handles several times faster."""
    return flags.view(np.uint32)[..., 0]


def _unpack(words: NDArray[np.uint32]) -> Flags:
    flags: Flags = words[..., None].view(np.bool_)
    return flags
