"""Adam on all parameters of a small network at once.

A network of forty small tensors spends more time in the bookkeeping of each than in arithmetic.
Here the parameters and their gradients are windows onto one vector each, so that a step, the norm
of the gradient and its clipping are one operation each.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["FlatAdam"]

_MOMENTS: Final = ("exp_avg", "exp_avg_sq")


class FlatAdam:
    """Adam whose state is saved by parameter, as that of ``torch.optim.Adam``.

    From now on the parameters are windows onto one vector: change them in place, never by a new
    ``data``. Where a loss does not reach a parameter its gradient is 0, not ``None``.

    Args:
        parameters: What is improved; all of one dtype and device.
        learning_rate: Step size at first.
        eps: Added to the root of the second moment.

    Attributes:
        gradient: Gradients of all parameters in a row.
    """

    def __init__(
        self, parameters: Sequence[nn.Parameter], *, learning_rate: float, eps: float
    ) -> None:
        self._parameters = list(parameters)
        self._sizes = [parameter.numel() for parameter in self._parameters]
        vector = nn.Parameter(nn.utils.parameters_to_vector(self._parameters).detach())
        self.gradient = torch.zeros_like(vector)
        vector.grad = self.gradient
        for parameter, window in zip(self._parameters, self._cut(vector.detach()), strict=True):
            parameter.data = window
        self._gradients = self._cut(self.gradient)
        self._adam = torch.optim.Adam([vector], lr=learning_rate, eps=eps, fused=True)

    def zero_grad(self) -> None:
        """Set all gradients to 0."""
        self.gradient.zero_()
        for parameter, window in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = window

    def find_span(self, parameters: Sequence[nn.Parameter]) -> slice:
        """Say where in :attr:`gradient` some parameters lie.

        Args:
            parameters: Neighbors in the order that the optimizer was given.
        """
        positions = {id(parameter): index for index, parameter in enumerate(self._parameters)}
        first = positions[id(parameters[0])]
        assert [positions[id(parameter)] for parameter in parameters] == [
            *range(first, first + len(parameters))
        ], "parameters must be neighbors"
        ends = [0, *accumulate(self._sizes)]
        return slice(ends[first], ends[first + len(parameters)])

    def clip_gradient(self, longest: float) -> Tensor:
        """Cut the gradient to a norm if it is longer; return its norm before that, a scalar."""
        norm: Tensor = torch.linalg.vector_norm(self.gradient)
        self.gradient.mul_((longest / (norm + 1e-6)).clamp(max=1.0))
        return norm

    def set_learning_rate(self, learning_rate: float) -> None:
        """Set the size of the steps to come."""
        self._adam.param_groups[0]["lr"] = learning_rate

    def step(self) -> None:
        """Change the parameters."""
        self._adam.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the moments of every parameter, by its position, under ``state``."""
        entries = self._adam.state_dict()
        if entries["state"]:
            flat = entries["state"][0]
            moments = {name: self._cut(flat[name]) for name in _MOMENTS}
            entries["state"] = {
                index: {"step": flat["step"]} | {name: moments[name][index] for name in _MOMENTS}
                for index in range(len(self._parameters))
            }
        return entries

    def load_state_dict(self, entries: Mapping[str, Any]) -> None:
        """Go on where another optimizer of the same parameters stood."""
        state = entries["state"]
        if state:
            flat = {
                name: torch.cat([state[index][name].flatten() for index in sorted(state)])
                for name in _MOMENTS
            }
            state = {0: {"step": state[0]["step"]} | flat}
        self._adam.load_state_dict({**entries, "state": state})

    def flat_state_dict(self) -> dict[str, Tensor]:
        """Return the moments as one group of tensors, named by position and name."""
        return {
            f"{index}/{name}": value
            for index, entry in self.state_dict()["state"].items()
            for name, value in entry.items()
        }

    def load_flat_state_dict(self, tensors: Mapping[str, Tensor]) -> None:
        """Go on with the moments that :meth:`flat_state_dict` of another optimizer returned."""
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in tensors.items():
            index, _, name = key.partition("/")
            state.setdefault(int(index), {})[name] = tensor
        self.load_state_dict({**self.state_dict(), "state": state})

    def _cut(self, vector: Tensor) -> list[Tensor]:
        """Cut a vector into windows of the shapes of the parameters."""
        pieces = zip(self._parameters, vector.split(self._sizes), strict=True)
        return [piece.view(parameter.shape) for parameter, piece in pieces]
