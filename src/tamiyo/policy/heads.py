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

from tamiyo.policy.distribution import MaskedCategorical
from tamiyo.policy.factored import ActionPath, Chooser, find_places, stack_heads
from tamiyo.policy.layers import (
    HIDDEN_GAIN,
    POLICY_GAIN,
    build_embedding,
    build_linear,
    build_mlp,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tamiyo.contracts import ActionSpec
    from tamiyo.policy.trace import ActionTrace

__all__ = ["ActionHeads", "Features", "Judgment"]


class Features(NamedTuple):
    """What the network makes of observations and memory before any choice.

    Attributes:
        trunk: Features of the environment, shape ``[B, hidden]``.
        slots: Features of its slots, shape ``[B, S, slot_hidden]``.
    """

    trunk: Tensor
    slots: Tensor

    def take(self, rows: Tensor) -> Features:
        """Return some rows, given by their indices."""
        return Features(self.trunk.index_select(0, rows), self.slots.index_select(0, rows))


class Judgment(NamedTuple):
    """What the heads say about actions that were taken.

    Attributes:
        log_probs: Log-probability of each head's choice given those before it, shape ``[B, H]``.
        entropies: Normalized entropy of each head, shape ``[B, H]``, in ``[0, 1]``.
    """

    log_probs: Tensor
    entropies: Tensor


class ActionHeads(nn.Module):
    """All heads of an action; the op is the first, the slot head, if there is one, the second.

    Args:
        spec: The heads.
        hidden: Features of the trunk and of the layers here.
        slot_hidden: Features of a slot; 0 if there is no slot head.
        generator: Source of the weights, on the CPU.
    """

    used: Tensor
    places: Tensor
    later_places: Tensor

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
        self.register_buffer("places", find_places(spec.nvec), persistent=False)
        if len(spec.heads) > 1:
            later = find_places(spec.nvec[1:])
            self.register_buffer("later_places", later, persistent=False)

    def forward(self, features: Features, masks: Tensor, choose: Chooser) -> ActionPath:
        """Choose head by head.

        Args:
            features: What the heads see.
            masks: Flat conditional masks, shape ``[B, spec.mask_size]``, bool.
            choose: Makes the choice of each head.

        Returns:
            The choices and the distributions they were taken from, checked.
        """
        path = ActionPath(self._spec, masks, choose, self.places)
        op = path.take(self.op(features.trunk))
        slot = None
        if self.slot is not None:
            chosen = path.take(self.slot(features, op))
            slot = _pick(features.slots, chosen)
        if self.parameter_heads:
            for head, own in self._score_parameters(features.trunk, op, slot):
                path.take(head(own, path.choices))
        path.check(self.used)
        return path

    def judge(self, features: Features, trace: ActionTrace) -> Judgment:
        """Judge actions that were taken: all heads at once, and only where there was a choice.

        Args:
            features: What the heads see.
            trace: The actions and what was legal along them, ``B`` rows.

        Returns:
            What :meth:`forward` would say of the same choices; exactly 0 and without gradient
            where a head had none.
        """
        op = _judge(self.op(features.trunk).unsqueeze(1), trace, slice(0, 1))
        if len(self._spec.heads) == 1:
            return op
        later = self._judge_later(features, trace)
        return Judgment(*(torch.cat(parts, -1) for parts in zip(op, later, strict=True)))

    def own_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Return, by name of the head, the parameters that no other head uses."""
        slot = [] if self.slot is None else [self.slot]
        modules = (self.op, *slot, *self.parameter_heads)
        return {
            name: list(module.parameters())
            for name, module in zip(self._spec.names, modules, strict=True)
        }

    def _judge_later(self, features: Features, trace: ActionTrace) -> Judgment:
        """Judge all heads after the op, but score only the rows in which one had a choice."""
        has_choice = trace.has_choice[:, 1:]
        rows = has_choice.any(-1).nonzero().squeeze(-1)
        some, taken = features.take(rows), trace.take(rows)
        judgment = _judge(self._score_later(some, taken.actions), taken, slice(1, None))
        nothing = features.trunk.new_zeros(has_choice.shape)
        return Judgment(*(nothing.index_copy(0, rows, part) for part in judgment))

    def _score_later(self, features: Features, actions: Tensor) -> Tensor:
        """Score the choices of all heads after the op given whole actions, ``[B, heads, A]``."""
        choices = actions.unbind(-1)
        scored, slot = [], None
        if self.slot is not None:
            scored.append(self.slot(features, choices[0]))
            slot = _pick(features.slots, choices[1])
        if self.parameter_heads:
            parameters = self._score_parameters(features.trunk, choices[0], slot)
            scored += [head(own, choices) for head, own in parameters]
        return stack_heads(scored, self.later_places)

    def _score_parameters(
        self, trunk: Tensor, op: Tensor, slot: Tensor | None
    ) -> Iterator[tuple[_ParameterHead, Tensor]]:
        """Pair each parameter head with its logits, but for the choices of its further parents."""
        heads = cast("list[_ParameterHead]", list(self.parameter_heads))
        # One matrix product for all heads: a small one for each would take twice as long.
        weight = torch.cat([head.output.weight for head in heads])
        bias = torch.cat([head.output.bias for head in heads])
        sizes = [head.output.out_features for head in heads]
        logits = F.linear(self.context(trunk, op, slot), weight, bias)
        return zip(heads, logits.split(sizes, -1), strict=True)


def _judge(logits: Tensor, trace: ActionTrace, positions: slice) -> Judgment:
    """Judge some heads by their logits, ``[B, heads, A]``."""
    legal = trace.legal[:, positions, : logits.shape[-1]]
    heads = MaskedCategorical(logits, legal)
    largest = trace.max_entropies[:, positions].to(logits.dtype)
    return Judgment(heads.log_prob(trace.actions[:, positions]), heads.entropy() / largest)


def _pick(slots: Tensor, chosen: Tensor) -> Tensor:
    """Take the features of one slot per row, ``[B, slot_hidden]``."""
    first = torch.arange(len(chosen), device=chosen.device) * slots.shape[1]
    picked: Tensor = slots.flatten(0, 1).index_select(0, first + chosen)
    return picked


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
