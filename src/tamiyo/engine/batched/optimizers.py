"""Row optimizers: one step for all rows of a bank, each with its own rate and step count.

The kernels are those of PyTorch's own fused Adam, AdamW and SGD, which take a list of tensors and
treat each by itself: here the tensors are rows. Rows whose module got no gradient are left out, as
PyTorch leaves out parameters without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor

from tamiyo.contracts import ConfigError
from tamiyo.engine.batched.bank import Bank

__all__ = ["RowOptimizer", "RowPlan", "RowTerms", "find_unsupported"]

_SETTINGS: Final = ("betas", "eps", "momentum", "dampening", "nesterov", "decoupled_weight_decay")
_REFUSED: Final = ("amsgrad", "maximize", "differentiable")


@dataclass(frozen=True, kw_only=True)
class RowTerms:
    """On what terms rows of a bank are stepped.

    Attributes:
        rows: The rows.
        rates: Learning rate of each.
        decays: Weight decay of each.
    """

    rows: Sequence[int]
    rates: Sequence[float]
    decays: Sequence[float]


@dataclass(frozen=True, kw_only=True)
class RowOptimizer:
    """Steps the rows of banks as an optimizer of PyTorch steps its parameters.

    Attributes:
        kind: Class of the optimizer.
        settings: Its settings that are the same for every row.
    """

    kind: type[torch.optim.Optimizer]
    settings: Mapping[str, Any]

    @classmethod
    def like(cls, optimizer: torch.optim.Optimizer) -> RowOptimizer:
        """Take over the settings of an optimizer.

        Raises:
            ConfigError: If it is one that rows cannot be stepped by.
        """
        reason = find_unsupported(optimizer)
        if reason is not None:
            raise ConfigError(reason)
        group = optimizer.param_groups[0]
        settings: dict[str, Any] = {name: group[name] for name in _SETTINGS if name in group}
        return cls(kind=type(optimizer), settings=settings)

    def plan(self, bank: Bank, terms: RowTerms) -> RowPlan:
        """Plan the steps of rows; the plan is good until rows are added or removed.

        Args:
            bank: The bank.
            terms: Which rows, and on what terms.
        """
        update, names = _UPDATES[self.kind]
        for name in names:
            if name not in bank.moments:
                bank.moments[name] = torch.zeros_like(bank.values)
        steps = bank.steps.tolist()
        groups: dict[tuple[float, float, bool], list[int]] = {}
        for row, rate, decay in zip(terms.rows, terms.rates, terms.decays, strict=True):
            groups.setdefault((rate, decay, steps[row] == 0), []).append(row)
        increments = torch.zeros_like(bank.steps)
        increments[list(terms.rows)] = 1
        return RowPlan(
            bank=bank,
            rows=terms.rows,
            increments=increments,
            step=partial(update, self.settings),
            groups=[
                _RowGroup(bank, rows, names, (rate, decay), is_new=is_new)
                for (rate, decay, is_new), rows in groups.items()
            ],
        )


@dataclass(frozen=True, kw_only=True)
class RowPlan:
    """Rows of a bank that are stepped together.

    Attributes:
        bank: The bank.
        rows: The rows.
        increments: What a step adds to the bank's step counts: 1 for the rows, else 0.
        step: Steps a group of them.
        groups: Those on equal terms.
    """

    bank: Bank
    rows: Sequence[int]
    increments: Tensor
    step: Callable[[_RowGroup], None]
    groups: Sequence[_RowGroup]

    def run(self) -> None:
        """Make one step; the bank's gradients are there."""
        self.bank.steps.add_(self.increments)
        for group in self.groups:
            self.step(group)
            group.is_new = False


class _RowGroup:
    """Rows on equal terms, as the lists of tensors that the kernels take."""

    def __init__(
        self,
        bank: Bank,
        rows: Sequence[int],
        names: Sequence[str],
        terms: tuple[float, float],
        *,
        is_new: bool,
    ) -> None:
        self.rate, self.decay = terms
        self.is_new = is_new
        self.values, self.gradients, self.steps, *self.moments = (
            [stored[row] for row in rows]
            for stored in (
                bank.values,
                bank.gradients,
                bank.steps,
                *(bank.moments[name] for name in names),
            )
        )


def find_unsupported(optimizer: torch.optim.Optimizer) -> str | None:
    """Say why rows cannot be stepped like an optimizer; ``None`` if they can."""
    if type(optimizer) not in _UPDATES:
        return f"optimizer must be Adam, AdamW or SGD, got {type(optimizer).__name__}"
    if len(optimizer.param_groups) > 1:
        return f"optimizer must have one group, got {len(optimizer.param_groups)}"
    group = optimizer.param_groups[0]
    refused = [name for name in _REFUSED if group.get(name)]
    return f"optimizer must not use {refused[0]}, got it switched on" if refused else None


def _update_adam(settings: Mapping[str, Any], group: _RowGroup) -> None:
    """Adam (Kingma and Ba 2015); with decoupled decay AdamW (Loshchilov and Hutter 2019)."""
    is_decoupled = settings.get("decoupled_weight_decay", False)
    kernel = torch._fused_adamw_ if is_decoupled else torch._fused_adam_  # of Adam(fused=True)
    (beta1, beta2), (means, squares) = settings["betas"], group.moments
    kernel(
        group.values,
        group.gradients,
        means,
        squares,
        [],
        group.steps,
        lr=group.rate,
        beta1=beta1,
        beta2=beta2,
        weight_decay=group.decay,
        eps=settings["eps"],
        amsgrad=False,
        maximize=False,
    )


def _update_sgd(settings: Mapping[str, Any], group: _RowGroup) -> None:
    """SGD, with momentum as PyTorch has it (Sutskever et al. 2013)."""
    torch._fused_sgd_(  # what SGD(fused=True) calls
        group.values,
        group.gradients,
        group.moments[0] if settings["momentum"] else [],
        weight_decay=group.decay,
        momentum=settings["momentum"],
        lr=group.rate,
        dampening=settings["dampening"],
        nesterov=settings["nesterov"],
        maximize=False,
        is_first_step=group.is_new,
    )


_UPDATES: Final[
    Mapping[type[torch.optim.Optimizer], tuple[Callable[..., None], tuple[str, ...]]]
] = {
    torch.optim.Adam: (_update_adam, ("mean", "square")),
    torch.optim.AdamW: (_update_adam, ("mean", "square")),
    torch.optim.SGD: (_update_sgd, ("velocity",)),
}
