"""The heads of the policy: what each one scores its choices from.

The op is scored from the trunk. Every later head also sees the op. The slot head scores each slot
with the same weights; the heads after it see the slot that was chosen, and a table of logits for
each further choice that their legality depends on (blueprint to style, style to alpha target).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tamiyo.policy.factored import ActionPath, Chooser
from tamiyo.policy.layers import (
    HIDDEN_GAIN,
    POLICY_GAIN,
    build_embedding,
    build_linear,
    build_mlp,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import ActionSpec

__all__ = ["ActionHeads", "Features"]


class Features(NamedTuple):
    """What the network makes of observations and memory before any choice.

    Attributes:
        trunk: Features of the environment, shape ``[B, hidden]``.
        slots: Features of its slots, shape ``[B, S, slot_hidden]``.
    """

    trunk: Tensor
    slots: Tensor


class ActionHeads(nn.Module):
    """All heads of an action; the op is the first, the slot head, if there is one, the second.

    Args:
        spec: The heads.
        hidden: Features of the trunk and of the layers here.
        slot_hidden: Features of a slot; 0 if there is no slot head.
        generator: Source of the weights, on the CPU.
    """

    used: Tensor

    def __init__(
        self, spec: ActionSpec, *, hidden: int, slot_hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self._spec = spec
        used = torch.tensor([[name in names for name in spec.names] for names in spec.used_when])
        self.register_buffer("used", used, persistent=False)
        num_ops = spec.nvec[0]
        self.op = build_mlp(hidden, hidden, num_ops, gain=POLICY_GAIN, generator=generator)
        self.slot: _SlotHead | None = None
        if slot_hidden:
            self.slot = _SlotHead(num_ops, hidden, slot_hidden, generator)
        first = 2 if slot_hidden else 1
        self.parameter_heads = nn.ModuleList(
            _ParameterHead(spec, position, first, hidden, generator)
            for position in range(first, len(spec.heads))
        )
        if self.parameter_heads:
            self.context = _Context(num_ops, hidden, slot_hidden, generator)

    def forward(self, features: Features, masks: Tensor, choose: Chooser) -> ActionPath:
        """Choose head by head.

        Args:
            features: What the heads see.
            masks: Flat conditional masks, shape ``[B, spec.mask_size]``, bool.
            choose: Makes the choice of each head.

        Returns:
            The choices and the distributions they were taken from, checked.
        """
        path = ActionPath(self._spec, masks, choose)
        op = path.take(self.op(features.trunk))
        slot = None
        if self.slot is not None:
            chosen = path.take(self.slot(features, op))
            slot = features.slots[torch.arange(len(chosen), device=chosen.device), chosen]
        if self.parameter_heads:
            self._take_parameters(path, self.context(features.trunk, op, slot))
        path.check(self.used)
        return path

    def own_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Return, by name of the head, the parameters that no other head uses."""
        slot = [] if self.slot is None else [self.slot]
        modules = (self.op, *slot, *self.parameter_heads)
        return {
            name: list(module.parameters())
            for name, module in zip(self._spec.names, modules, strict=True)
        }

    def _take_parameters(self, path: ActionPath, context: Tensor) -> None:
        heads = cast("list[_ParameterHead]", list(self.parameter_heads))
        # One matrix product for all heads: a small one for each would take twice as long.
        weight = torch.cat([head.output.weight for head in heads])
        bias = torch.cat([head.output.bias for head in heads])
        sizes = [head.output.out_features for head in heads]
        for head, logits in zip(
            heads, F.linear(context, weight, bias).split(sizes, -1), strict=True
        ):
            path.take(head(logits, path.choices))


class _Context(nn.Module):
    """What a head sees of the trunk, the op and a slot: ``silu(W trunk + E[op] + U slot)``."""

    def __init__(
        self, num_ops: int, hidden: int, slot_hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.trunk = build_linear(hidden, hidden, gain=HIDDEN_GAIN, generator=generator)
        self.op = build_embedding(num_ops, hidden, gain=HIDDEN_GAIN, generator=generator)
        self.slot: nn.Linear | None = None
        if slot_hidden:
            self.slot = build_linear(slot_hidden, hidden, gain=HIDDEN_GAIN, generator=generator)

    def forward(self, trunk: Tensor, op: Tensor, slot: Tensor | None) -> Tensor:
        context = self.trunk(trunk) + self.op(op)
        if self.slot is not None:
            context = context + self.slot(slot)
        return F.silu(context)


class _SlotHead(nn.Module):
    """Scores every slot with the same weights, so that slots are exchangeable."""

    def __init__(
        self, num_ops: int, hidden: int, slot_hidden: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.context = _Context(num_ops, hidden, slot_hidden, generator)
        self.score = build_linear(hidden, 1, gain=POLICY_GAIN, generator=generator)

    def forward(self, features: Features, op: Tensor) -> Tensor:
        # [B, 1, hidden] for trunk and op, broadcast over [B, S, hidden] for the slots.
        context = self.context(features.trunk.unsqueeze(1), op.unsqueeze(1), features.slots)
        scores: Tensor = self.score(context)
        return scores.squeeze(-1)


class _ParameterHead(nn.Module):
    """What one head makes of the context, and of the choices of its further parents."""

    def __init__(
        self,
        spec: ActionSpec,
        position: int,
        first_parameter: int,
        hidden: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        size = spec.nvec[position]
        self._parents = [p for p in spec.parent_positions[position] if p >= first_parameter]
        self.output = build_linear(hidden, size, gain=POLICY_GAIN, generator=generator)
        self.tables = nn.ModuleList(
            build_embedding(spec.nvec[parent], size, gain=POLICY_GAIN, generator=generator)
            for parent in self._parents
        )

    def forward(self, logits: Tensor, choices: Sequence[Tensor]) -> Tensor:
        for parent, table in zip(self._parents, self.tables, strict=True):
            logits = logits + table(choices[parent])
        return logits
