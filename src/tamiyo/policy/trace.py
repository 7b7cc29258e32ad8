"""What was left to choose along actions that were taken: known once, whatever the weights become.

An update looks at the same actions many times. Which choices were legal then does not depend on
the network, so it is looked up, and checked, once per rollout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tamiyo.contracts import InvariantError
from tamiyo.policy.factored import LegalChoices

if TYPE_CHECKING:
    from torch import Tensor

    from tamiyo.contracts import ActionSpec

__all__ = ["ActionTrace", "trace_actions"]


class ActionTrace(NamedTuple):
    """Actions and what was legal along them; ``...`` are the axes of the rollout.

    Attributes:
        actions: Index per head, shape ``[..., H]``, int64.
        legal: True where a choice was legal given those before it, shape ``[..., H, A]``, bool;
            ``A`` is the size of the largest head, smaller ones have no legal choice beyond theirs.
        has_choice: True where more than one choice of a head was legal, ``[..., H]``, bool.
        max_entropies: Largest possible entropy of each head, that of two choices where there was
            one, shape ``[..., H]``, float64.
    """

    actions: Tensor
    legal: Tensor
    has_choice: Tensor
    max_entropies: Tensor

    def take(self, rows: Tensor) -> ActionTrace:
        """Return some rows, given by their indices along the first axis."""
        return ActionTrace(*(part.index_select(0, rows) for part in self))

    def select(self, index: Tensor) -> ActionTrace:
        """Return the trace of some environments, the second axis of a rollout."""
        return ActionTrace(*(part.index_select(1, index) for part in self))

    def flatten(self) -> ActionTrace:
        """Return the trace with the steps and environments of a rollout on one axis."""
        return ActionTrace(*(part.flatten(0, 1) for part in self))


def trace_actions(spec: ActionSpec, masks: Tensor, actions: Tensor, used: Tensor) -> ActionTrace:
    """Look up what masks left to choose along actions.

    Args:
        spec: The heads.
        masks: Flat conditional masks, shape ``[..., spec.mask_size]``, bool.
        actions: Index per head, shape ``[..., H]``, int64.
        used: For each op, which heads it uses, shape ``[ops, H]``, bool.

    Raises:
        InvariantError: If an action is illegal, or a mask leaves a choice to a head that the op
            does not use.
        ShapeError: If ``masks`` is not bool or does not fit the heads.
    """
    flat_masks, flat_actions = masks.flatten(0, -2), actions.flatten(0, -2)
    legal_choices = LegalChoices(spec, flat_masks)
    choices = flat_actions.unbind(-1)
    legal = flat_masks.new_zeros(*flat_actions.shape, max(spec.nvec))
    for position, size in enumerate(spec.nvec):
        legal[:, position, :size] = legal_choices.find(position, choices)
    num_legal = legal.sum(-1)
    max_entropies = num_legal.clamp_min(2).double().log()
    trace = ActionTrace(flat_actions, legal, num_legal > 1, max_entropies)
    _check(spec, trace, used)
    return ActionTrace(*(part.unflatten(0, actions.shape[:-1]) for part in trace))


def _check(spec: ActionSpec, trace: ActionTrace, used: Tensor) -> None:
    is_legal = trace.legal.gather(-1, trace.actions.unsqueeze(-1)).squeeze(-1)
    rules = {
        "take a legal choice": is_legal,
        "have one legal choice where the op does not use it": used[trace.actions[:, 0]]
        | ~trace.has_choice,
    }
    for rule, kept in rules.items():
        if not kept.all():
            row, position = (~kept).nonzero()[0].tolist()
            message = (
                f"{spec.names[position]} must {rule}, got action {trace.actions[row].tolist()} and "
                f"legal choices {trace.legal[row, position].nonzero().flatten().tolist()}"
            )
            raise InvariantError(message)
