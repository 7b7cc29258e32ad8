"""Row optimizers: one step for all rows of a bank, each with its own rate and step count.

The same arithmetic as PyTorch's Adam, AdamW and SGD, number by number, on all rows at once. Rows
whose module got no gradient are left out, as PyTorch leaves out parameters without one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from tamiyo.contracts import ConfigError

if TYPE_CHECKING:
    from tamiyo.engine.batched.bank import Bank

__all__ = ["RowOptimizer", "RowTerms", "find_unsupported"]

_FIXED_SETTINGS = ("betas", "eps", "momentum", "dampening", "nesterov", "decoupled_weight_decay")
_REFUSED_SETTINGS = ("amsgrad", "maximize", "differentiable")


@dataclass(frozen=True, kw_only=True)
class RowTerms:
    """On what terms rows of a bank are stepped.

    Attributes:
        rows: The rows.
        index: The same as a tensor, [n]; ``None`` if they are all, in order.
        rates: Learning rate of each.
        decays: Weight decay of each.
    """

    rows: Sequence[int]
    index: Tensor | None
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
        return cls(kind=type(optimizer), settings=_read_settings(optimizer))

    def step(self, bank: Bank, terms: RowTerms) -> None:
        """Step rows of a bank; its gradients are there.

        Args:
            bank: The bank.
            terms: Which rows, and on what terms.
        """
        update, names = _UPDATES[self.kind]
        for name in names:
            bank.moments.setdefault(name, torch.zeros_like(bank.values))
        stored = [bank.values, bank.gradients, *(bank.moments[name] for name in names)]
        for row in terms.rows:
            bank.steps[row] += 1
        index = terms.index
        parts = [
            one[: len(bank)] if index is None else one.index_select(0, index) for one in stored
        ]
        values, gradients, *moments = parts
        steps = [bank.steps[row] for row in terms.rows]
        update(
            self.settings,
            terms,
            steps,
            values=values,
            gradients=_decay(self.settings, terms, values, gradients),
            moments=moments,
        )
        if index is not None:
            for one, part in zip(stored, parts, strict=True):
                one.index_copy_(0, index, part)


def find_unsupported(optimizer: torch.optim.Optimizer) -> str | None:
    """Say why rows cannot be stepped like an optimizer; ``None`` if they can."""
    if type(optimizer) not in _UPDATES:
        return f"optimizer must be Adam, AdamW or SGD, got {type(optimizer).__name__}"
    if len(optimizer.param_groups) > 1:
        return f"optimizer must have one group, got {len(optimizer.param_groups)}"
    group = optimizer.param_groups[0]
    refused = [name for name in _REFUSED_SETTINGS if group.get(name)]
    return f"optimizer must not use {refused[0]}, got it switched on" if refused else None


def _read_settings(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    group = optimizer.param_groups[0]
    return {name: group[name] for name in _FIXED_SETTINGS if name in group}


def _update_adam(
    settings: Mapping[str, Any],
    terms: RowTerms,
    steps: Sequence[int],
    *,
    values: Tensor,
    gradients: Tensor,
    moments: Sequence[Tensor],
) -> None:
    """Adam (Kingma and Ba 2015)."""
    mean, square = moments
    (beta1, beta2), eps = settings["betas"], settings["eps"]
    mean.mul_(beta1).add_(gradients * (1 - beta1))
    square.mul_(beta2).add_(gradients.square().mul_(1 - beta2))
    # In Python, row by row: a power of a whole column rounds differently at its end.
    rates = [rate / (1 - beta1**step) for rate, step in zip(terms.rates, steps, strict=True)]
    spread = square.sqrt().div_(_column([sqrt(1 - beta2**step) for step in steps], values))
    values.sub_(torch.div(mean, spread.add_(eps)).mul_(_column(rates, values)))


def _update_sgd(
    settings: Mapping[str, Any],
    terms: RowTerms,
    steps: Sequence[int],
    *,
    values: Tensor,
    gradients: Tensor,
    moments: Sequence[Tensor],
) -> None:
    """SGD, with momentum as PyTorch has it (Sutskever et al. 2013)."""
    momentum = settings["momentum"]
    if momentum:
        (velocity,) = moments
        going_on = velocity * momentum + gradients * (1 - settings["dampening"])
        is_first = _column([float(step == 1) for step in steps], values) > 0
        velocity.copy_(torch.where(is_first, gradients, going_on))
        gradients = gradients + velocity * momentum if settings["nesterov"] else velocity
    values.sub_(gradients * _column(terms.rates, values))


def _decay(
    settings: Mapping[str, Any], terms: RowTerms, values: Tensor, gradients: Tensor
) -> Tensor:
    """Apply weight decay: to the values if it is decoupled (Loshchilov and Hutter 2019)."""
    if not any(terms.decays):
        return gradients
    if not settings.get("decoupled_weight_decay"):
        return gradients + values * _column(terms.decays, values)
    pairs = zip(terms.rates, terms.decays, strict=True)
    values.mul_(_column([1 - rate * decay for rate, decay in pairs], values))
    return gradients


def _column(numbers: Sequence[float], like: Tensor) -> Tensor:
    return torch.tensor(numbers, dtype=like.dtype, device=like.device)[:, None]


_UPDATES: Mapping[type[torch.optim.Optimizer], tuple[Callable[..., None], tuple[str, ...]]] = {
    torch.optim.Adam: (_update_adam, ("mean", "square")),
    torch.optim.AdamW: (_update_adam, ("mean", "square")),
    torch.optim.SGD: (_update_sgd, ("velocity",)),
}
