"""The oracle of the factored policy: every action of a small problem, one by one, in plain Python.

Also the random problems it is asked about: specifications of heads and valid conditional masks.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import numpy as np

from tamiyo.contracts import ActionSpec, HeadSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    # Logits of the head at a position after these choices.
    Score = Callable[[int, tuple[int, ...]], NDArray[np.float64]]


def random_spec(rng: np.random.Generator, *, heads: int) -> ActionSpec:
    """Draw heads with random sizes, parents (the op among them) and uses."""
    sizes = rng.integers(2, 5, heads)
    parents = [
        {0, *(parent for parent in range(1, position) if rng.random() < 0.5)} if position else {}
        for position in range(heads)
    ]
    specs = tuple(
        HeadSpec(
            name=f"h{position}",
            choices=tuple(str(choice) for choice in range(sizes[position])),
            parents=tuple(f"h{p}" for p in sorted(parents[position])),
            neutral=int(rng.integers(sizes[position])),
        )
        for position in range(heads)
    )
    used_when = tuple(
        frozenset(["h0", *(f"h{p}" for p in range(1, heads) if rng.random() < 0.7)])
        for _ in range(sizes[0])
    )
    return ActionSpec(heads=specs, used_when=used_when)


def random_masks(
    spec: ActionSpec, rng: np.random.Generator, rows: int, *, density: float = 0.5
) -> NDArray[np.bool_]:
    """Draw valid flat conditional masks ``[rows, mask_size]``: a legal choice on every way."""
    legal: list[NDArray[np.bool_]] = []  # per head [rows, *parent sizes, choices]
    for position, (head, shape) in enumerate(zip(spec.heads, spec.mask_shapes, strict=True)):
        flags = rng.random((rows, *shape)) < density
        always = rng.integers(head.size, size=(rows, *shape[:-1], 1))
        np.put_along_axis(flags, always, True, axis=-1)
        if spec.names[0] in head.parents:
            idle = [head.name not in used for used in spec.used_when]
            flags[:, idle] = np.arange(head.size) == head.neutral
        axes = spec.parent_positions[position]
        for parent in axes:
            known = (*spec.parent_positions[parent], parent)
            others = tuple(i for i, axis in enumerate(known, start=1) if axis not in axes)
            sizes = [spec.nvec[axis] if axis in known else 1 for axis in axes]
            flags &= legal[parent].any(axis=others).reshape(rows, *sizes, 1)
        legal.append(flags)
    return np.concatenate([flags.reshape(rows, -1) for flags in legal], axis=1)


def legal_row(
    spec: ActionSpec, mask: NDArray[np.bool_], position: int, choices: tuple[int, ...]
) -> NDArray[np.bool_]:
    """Look up one head's legal choices by multi-dimensional indexing of its own table."""
    table = mask[spec.mask_slices[position]].reshape(spec.mask_shapes[position])
    return table[tuple(choices[parent] for parent in spec.parent_positions[position])]


def legal_actions(spec: ActionSpec, mask: NDArray[np.bool_]) -> Iterator[tuple[int, ...]]:
    """Go through every complete action all of whose choices are legal."""
    for action in itertools.product(*(range(size) for size in spec.nvec)):
        if all(
            legal_row(spec, mask, position, action)[choice]
            for position, choice in enumerate(action)
        ):
            yield action


def conditional(
    spec: ActionSpec,
    mask: NDArray[np.bool_],
    score: Score,
    position: int,
    choices: tuple[int, ...],
) -> NDArray[np.float64]:
    """Compute one head's probabilities after these choices: a softmax over what is legal."""
    legal = legal_row(spec, mask, position, choices)
    logits = score(position, choices)
    weights = np.where(legal, np.exp(logits - logits[legal].max()), 0.0)
    return weights / weights.sum()


def joint_probability(
    spec: ActionSpec, mask: NDArray[np.bool_], score: Score, action: tuple[int, ...]
) -> float:
    """Multiply the conditional probabilities of all choices of an action."""
    return math.prod(
        conditional(spec, mask, score, position, action[:position])[choice]
        for position, choice in enumerate(action)
    )


def entropy(probabilities: NDArray[np.float64]) -> float:
    """Compute the entropy in nats."""
    positive = probabilities[probabilities > 0]
    return float(-(positive * np.log(positive)).sum())
