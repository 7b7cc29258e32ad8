"""What a policy thought of the choices it had, in words and numbers that need no tensor."""

from __future__ import annotations

from math import isnan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from tamiyo.contracts import ActionSpec

__all__ = ["name_probabilities"]


def name_probabilities(
    spec: ActionSpec, action: Tensor, probabilities: Tensor
) -> dict[str, dict[str, float]]:
    """Put the names of heads and choices to the probabilities of one decision.

    Args:
        spec: The heads.
        action: Index per head, shape ``[H]``, int64.
        probabilities: A row of :attr:`ActResult.probabilities`, shape ``[H, A]``.

    Returns:
        Head to its legal choices with their probabilities to six digits, which sum to 1; only heads
        that the op uses.
    """
    used = spec.used_when[int(action[0])]
    rows = zip(spec.heads, probabilities.tolist(), strict=True)
    return {
        head.name: {
            choice: float(f"{number:.6g}")
            for choice, number in zip(head.choices, row[: head.size], strict=True)
            if not isnan(number)
        }
        for head, row in rows
        if head.name in used
    }
