"""GrowingOptimizer: one Adam whose groups follow the model's structure.

There is one parameter group for the host, fossils included, and one for each living seed. The
groups are derived from the model after every change, never patched: Adam keeps its state by
parameter, so a seed that fossilizes takes its state along, and the state of a removed seed is
dropped with it.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import nn

from tamiyo.contracts import InvariantError
from tamiyo.model import HOST_OWNER, TamiyoModel

__all__ = ["GrowingOptimizer"]

_OWNER: Final = "owner"


class GrowingOptimizer:
    """Adam over a model that changes its shape.

    Args:
        model: The model.
        learning_rate: Learning rate of the host.
        seed_factor: Multiple of it for uncommitted seeds.
    """

    def __init__(self, model: TamiyoModel, *, learning_rate: float, seed_factor: float) -> None:
        self._model = model
        self._learning_rate = learning_rate
        self._seed_factor = seed_factor
        host = {_OWNER: HOST_OWNER, "params": model.owned_parameters()[HOST_OWNER]}
        self.adam = torch.optim.Adam([host], lr=learning_rate, fused=True)
        self.sync()

    def sync(self) -> None:
        """Make the groups equal to what the model says its owners are."""
        owned = self._model.owned_parameters()
        existing = {group[_OWNER]: group for group in self.adam.param_groups}
        self.adam.param_groups[:] = [g for g in self.adam.param_groups if g[_OWNER] in owned]
        # Every group is emptied first: a parameter may move from one to another.
        for group in self.adam.param_groups:
            group["params"] = []
        for owner, parameters in owned.items():
            if owner in existing:
                existing[owner]["params"] = list(parameters)
            else:
                self.adam.add_param_group({_OWNER: owner, "params": list(parameters)})
        alive = {parameter for parameters in owned.values() for parameter in parameters}
        for parameter in [p for p in self.adam.state if p not in alive]:
            del self.adam.state[parameter]
        self.set_learning_rate(self._learning_rate)

    def set_learning_rate(self, learning_rate: float) -> None:
        """Set the host's learning rate; seeds follow by their factor."""
        self._learning_rate = learning_rate
        for group in self.adam.param_groups:
            is_host = group[_OWNER] == HOST_OWNER
            group["lr"] = learning_rate * (1.0 if is_host else self._seed_factor)

    def zero_grad(self) -> None:
        """Drop every gradient."""
        self.adam.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Update every parameter that has a gradient."""
        self.adam.step()

    def clear_state(self) -> None:
        """Forget moments and step counts, after the parameters were set back."""
        self.adam.state.clear()

    def owners(self) -> dict[str, list[nn.Parameter]]:
        """Return owner to the parameters of its group, as the optimizer holds them."""
        return {group[_OWNER]: list(group["params"]) for group in self.adam.param_groups}

    def check_membership(self) -> None:
        """Assert that every trainable parameter is in exactly one group and none other is.

        Raises:
            InvariantError: If one is missing, twice in, or a stranger.
        """
        held = [id(p) for group in self.adam.param_groups for p in group["params"]]
        trainable = {id(p) for p in self._model.parameters() if p.requires_grad}
        if len(held) != len(set(held)) or set(held) != trainable:
            message = (
                "every trainable parameter must be in exactly one group, got "
                f"{len(held)} memberships of {len(set(held))} parameters "
                f"for {len(trainable)} trainable ones"
            )
            raise InvariantError(message)
