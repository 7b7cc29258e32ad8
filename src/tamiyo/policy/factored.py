"""The factored joint action: heads chosen one after the other, each given the choices before it.

By the chain rule the log-probability of an action is the sum over its heads. Acting and learning
walk the same path through the heads; they differ only in who makes the choices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor

from tamiyo.contracts import ActionSpec, InvariantError, ShapeError
from tamiyo.policy.distribution import MaskedCategorical

__all__ = ["ActionPath", "Chooser", "LegalChoices", "find_places", "stack_heads"]

Chooser = Callable[[int, MaskedCategorical], Tensor]
"""Makes the choice of a head, shape ``[B]``, int64, given its position and its distribution."""


def _check_masks(spec: ActionSpec, masks: Tensor) -> None:
    """Refuse masks that are not bool of shape ``[B, spec.mask_size]``.

    Raises:
        ShapeError: If they are not.
    """
    if masks.dtype != torch.bool or masks.shape[1:] != (spec.mask_size,):
        message = (
            f"masks must be bool of shape [B, {spec.mask_size}], "
            f"got {masks.dtype} of shape {list(masks.shape)}"
        )
        raise ShapeError(message)


class LegalChoices:
    """Looks up what masks leave each head to choose under the choices of its parents.

    Args:
        spec: The heads.
        masks: Flat conditional masks, shape ``[B, spec.mask_size]``, bool.

    Raises:
        ShapeError: If ``masks`` is not bool or does not fit the heads.
    """

    def __init__(self, spec: ActionSpec, masks: Tensor) -> None:
        _check_masks(spec, masks)
        self._spec = spec
        self._masks = masks
        self._rows = torch.arange(len(masks), device=masks.device)
        self._combinations: dict[tuple[int, ...], Tensor] = {}

    def find(self, position: int, choices: Sequence[Tensor]) -> Tensor:
        """Return a head's legal choices, shape ``[B, A]``, bool.

        Args:
            position: Which head.
            choices: Index chosen for each head before this one, at least, each of shape ``[B]``.
        """
        table = self._masks[:, self._spec.mask_slices[position]]
        parents = self._spec.parent_positions[position]
        if not parents:
            return table
        tables = table.unflatten(1, (-1, self._spec.nvec[position]))
        legal: Tensor = tables[self._rows, self._combine(parents, choices)]
        return legal

    def _combine(self, parents: tuple[int, ...], choices: Sequence[Tensor]) -> Tensor:
        """Number the combination of some parents' choices; heads share most of their parents."""
        if parents not in self._combinations:
            *others, last = parents
            number = choices[last]
            if others:
                combination = self._combine(tuple(others), choices)
                number = combination * self._spec.nvec[last] + number
            self._combinations[parents] = number
        return self._combinations[parents]


class ActionPath:
    """One way through the heads: a choice per head and the distribution it was taken from.

    The properties hold for the whole action, so read them after the last head.

    Args:
        spec: The heads.
        masks: Flat conditional masks, shape ``[B, spec.mask_size]``, bool.
        choose: Makes the choice of each head.
        places: What :func:`find_places` gives for all heads, on the device of the masks.

    Attributes:
        choices: Index chosen for each head so far, each of shape ``[B]``, int64.
        heads: The distribution of each head so far.

    Raises:
        ShapeError: If ``masks`` is not bool or does not fit the heads.
    """

    def __init__(self, spec: ActionSpec, masks: Tensor, choose: Chooser, places: Tensor) -> None:
        self._spec = spec
        self._legal = LegalChoices(spec, masks)
        self._choose = choose
        self._places = places
        self.choices: list[Tensor] = []
        self.heads: list[MaskedCategorical] = []

    def take(self, logits: Tensor) -> Tensor:
        """Make the choice of the next head.

        Args:
            logits: The head's logits given the choices so far, shape ``[B, A]``.

        Returns:
            The choice, shape ``[B]``, int64.
        """
        position = len(self.heads)
        head = MaskedCategorical(logits, self._legal.find(position, self.choices))
        choice = self._choose(position, head)
        self.heads.append(head)
        self.choices.append(choice)
        return choice

    @cached_property
    def actions(self) -> Tensor:
        """The whole action, shape ``[B, H]``, int64."""
        return torch.stack(self.choices, -1)

    @cached_property
    def log_probs(self) -> Tensor:
        """Log-probability of each head's choice given those before it, shape ``[B, H]``."""
        return self._joint.log_prob(self.actions)

    def explain(self, rows: int) -> Tensor:
        """Return how probable every choice was.

        Args:
            rows: How many rows, from the first one on; at most B.

        Returns:
            Probability of each choice given those before it, shape ``[rows, H, A]``, ``A`` the size
            of the largest head; NaN where it was not legal.
        """
        # Copies, since a compiled network may take no view of what was made in inference mode.
        log_probs = self._joint.log_probs.narrow_copy(0, 0, rows)
        return torch.where(self._joint.legal.narrow_copy(0, 0, rows), log_probs, torch.nan).exp()

    @cached_property
    def entropies(self) -> Tensor:
        """Normalized entropy of each head on this path, shape ``[B, H]``, in ``[0, 1]``."""
        return self._joint.normalized_entropy()

    @cached_property
    def has_choice(self) -> Tensor:
        """True where more than one choice of a head was legal, shape ``[B, H]``, bool."""
        return self._joint.num_legal() > 1

    @cached_property
    def _joint(self) -> MaskedCategorical:
        """All heads side by side, ``[B, H, A]``, filled up to the largest with illegal choices."""
        return MaskedCategorical(
            stack_heads([head.logits for head in self.heads], self._places),
            stack_heads([head.legal for head in self.heads], self._places),
        )

    def check(self, used: Tensor) -> None:
        """Refuse what can only be a bug; one synchronization in all.

        Args:
            used: For each op, which heads it uses, shape ``[ops, H]``, bool.

        Raises:
            InvariantError: If a head has no legal choice, its choice is illegal, a logit is not
                finite, or the masks leave a choice to a head that the op does not use.
        """
        legal = self._joint.is_legal(self.actions)
        # An infinity or NaN survives the sum, which costs less than a look at every logit.
        finite = self._joint.logits.detach().sum((1, 2)).isfinite()
        idle = used[self.choices[0]] | (self.log_probs == 0)
        if bool((legal & idle & finite.unsqueeze(-1)).all()):
            return
        rules = {
            "take a legal choice": legal,
            "have finite logits": self._joint.logits.isfinite().all(-1),
            "have one legal choice where the op does not use it": idle,
        }
        rule, kept = next((rule, kept) for rule, kept in rules.items() if not kept.all())
        row, position = (~kept).nonzero()[0].tolist()
        head = self.heads[position]
        message = (
            f"{self._spec.names[position]} must {rule}, got action {self.actions[row].tolist()}, "
            f"legal choices {head.legal[row].nonzero().flatten().tolist()} and logits "
            f"{head.logits[row].tolist()} in row {row}"
        )
        raise InvariantError(message)


def find_places(sizes: Sequence[int]) -> Tensor:
    """Say where each head's choices lie in a row of all, for :func:`stack_heads`.

    Args:
        sizes: Choices of each head.

    Returns:
        Shape ``[H, A]``, ``A`` that of the largest, int64; one behind the row where there is none.
    """
    ends = accumulate(sizes)
    behind, largest = sum(sizes), max(sizes)
    return torch.tensor(
        [
            [*range(end - size, end), *[behind] * (largest - size)]
            for size, end in zip(sizes, ends, strict=True)
        ]
    )


def stack_heads(columns: Sequence[Tensor], places: Tensor) -> Tensor:
    """Put tensors ``[B, A]`` of several widths side by side, ``[B, H, A]``; 0 fills them up.

    Args:
        columns: One per head.
        places: What :func:`find_places` gave for their sizes, on their device.
    """
    filler = columns[0].new_zeros(len(columns[0]), 1)
    in_a_row = torch.cat([*columns, filler], -1)
    stacked: Tensor = in_a_row.index_select(1, places.flatten()).unflatten(1, places.shape)
    return stacked
