"""What follows from a flat conditional mask: the marginal one, checks and uniform draws.

Nothing here has words of growth; the masks may come from any environment with factored actions.
"""

from __future__ import annotations

from functools import cache
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from tamiyo.contracts import InvariantError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tamiyo.contracts import ActionSpec
    from tamiyo.observation.arrays import Flags, Integers

__all__ = ["canonicalize_actions", "is_allowed", "marginalize", "sample_uniform"]


def marginalize(spec: ActionSpec, masks: Flags) -> Flags:
    """Forget the conditions: a choice is allowed if some legal way leads to it.

    Args:
        spec: The heads.
        masks: The flat conditional mask, bool, ``[N, spec.mask_size]``.

    Returns:
        The marginal mask, bool, ``[N, sum(spec.nvec)]``.
    """
    # Few flags are true: each is carried to its place.
    env, flag = np.divmod(np.flatnonzero(masks), spec.mask_size)
    marginal = np.zeros((len(masks), sum(spec.nvec)), dtype=np.bool_)
    marginal[env, _find_columns(spec)[flag]] = True
    return marginal


def is_allowed(spec: ActionSpec, masks: Flags, actions: Integers) -> Flags:
    """Say which actions are legal; what stands in a head the op does not use is ignored.

    Args:
        spec: The heads.
        masks: The flat conditional mask, bool, ``[N, spec.mask_size]``.
        actions: One index per head, ``[N, H]``.

    Returns:
        One flag per environment, ``[N]``; false for an index outside its head.
    """
    is_used, neutral = _find_use(spec)
    starts, strides = _find_rows(spec)
    inside = np.clip(actions, 0, np.array(spec.nvec) - 1)
    used = is_used[inside[:, 0]]
    canonical = np.where(used, inside, neutral)
    places = starts + canonical @ strides + canonical
    legal: Flags = masks[np.arange(len(masks))[:, None], places]
    exists = (inside == actions) | ~used
    allowed: Flags = (legal & exists).all(axis=1)
    return allowed


def canonicalize_actions(spec: ActionSpec, actions: Integers) -> NDArray[np.int64]:
    """Force every head the op does not use to its neutral choice.

    Args:
        spec: The heads.
        actions: One index per head, ``[N, H]``; the op must be one.

    Returns:
        The actions with unused heads neutral, int64, ``[N, H]``.
    """
    is_used, neutral = _find_use(spec)
    return np.where(is_used[actions[:, 0]], actions, neutral)


def sample_uniform(spec: ActionSpec, masks: Flags, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw head by head, uniformly over what is legal after the heads before.

    Args:
        spec: The heads.
        masks: The flat conditional mask, bool, ``[N, spec.mask_size]``.
        rng: Where the draws come from.

    Returns:
        One index per head, int64, ``[N, H]``.

    Raises:
        InvariantError: If a head has no legal choice.
    """
    num_envs = len(masks)
    starts, strides = _find_rows(spec)
    draws = rng.random((num_envs, len(spec.heads)))
    actions = np.zeros((num_envs, len(spec.heads)), dtype=np.int64)
    every = np.arange(num_envs)[:, None]
    for position, head in enumerate(spec.heads):
        row = starts[position] + actions @ strides[:, position]
        counts = masks[every, row[:, None] + np.arange(head.size)].cumsum(axis=1)
        legal = counts[:, -1:]
        if not legal.all():
            message = (
                f"{head.name} must have a legal choice in every environment, got none in "
                f"{np.flatnonzero(legal == 0).tolist()}"
            )
            raise InvariantError(message)
        actions[:, position] = (counts > draws[:, position, None] * legal).argmax(axis=1)
    return actions


@cache
def _find_rows(spec: ActionSpec) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Say where a head's row begins: ``starts[h] + actions @ strides[:, h]``."""
    strides = np.zeros((len(spec.heads), len(spec.heads)), dtype=np.int64)
    for position, (parents, shape) in enumerate(
        zip(spec.parent_positions, spec.mask_shapes, strict=True)
    ):
        for axis, parent in enumerate(parents):
            strides[parent, position] = prod(shape[axis + 1 :])
    return np.array([where.start for where in spec.mask_slices], dtype=np.int64), strides


@cache
def _find_columns(spec: ActionSpec) -> NDArray[np.int64]:
    """Say which choice of the marginal mask each flag of the conditional one stands for."""
    choices = np.split(np.arange(sum(spec.nvec)), np.cumsum(spec.nvec)[:-1])
    rows = (prod(shape[:-1]) for shape in spec.mask_shapes)
    return np.concatenate([np.tile(own, count) for own, count in zip(choices, rows, strict=True)])


@cache
def _find_use(spec: ActionSpec) -> tuple[Flags, NDArray[np.int64]]:
    """Say which heads each op uses, ``[ops, H]``, and what the others are forced to, ``[H]``."""
    is_used = np.array([[name in used for name in spec.names] for used in spec.used_when])
    return is_used, np.array([head.neutral for head in spec.heads], dtype=np.int64)
