"""SeedModule: a blueprint's body behind one zero-initialized scale, with an optional learned gate.

The residual is ``scale * f(h)``. The scale stands after the last normalizer and non-linearity, so a
new-born seed is exactly the identity and yet has a gradient (LayerScale, Touvron et al. 2021,
started at zero as in ReZero, Bachlechner et al. 2021).
"""

from __future__ import annotations

from enum import StrEnum

import torch
from torch import Tensor, nn

from .topology import Topology

__all__ = ["Algorithm", "LearnedGate", "SeedModule", "compose"]


class Algorithm(StrEnum):
    """How a seed's residual r enters the host's features h."""

    ADD = "ADD"
    """h + r"""

    MULTIPLY = "MULTIPLY"
    """h + h tanh(r)"""

    GATE = "GATE"
    """h + gate(h) r"""


class LearnedGate(nn.Module):
    """A number in (0, 1): sigmoid(W2 relu(W1 h)), eight hidden units or more.

    There is one per sample, from the mean over the map in a CNN; and one per position of a
    sequence, from that position alone, so that a gate never leaks the future.

    Args:
        topology: What the features' axes mean.
        channels: Their channels.
    """

    def __init__(self, topology: Topology, channels: int) -> None:
        super().__init__()
        hidden = max(8, channels // 4)
        self.topology = topology
        self.openness = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the gate, shape [B, 1, 1, 1], [B, T, 1] or [B, 1]: it broadcasts."""
        if self.topology == Topology.CNN:
            of_maps: Tensor = self.openness(features.mean(dim=(2, 3)))
            return of_maps[:, :, None, None]
        openness: Tensor = self.openness(features)
        return openness


class SeedModule(nn.Module):
    """Body, scale and gate of one seed.

    Args:
        body: Maps features to features of the same shape.
        channel_shape: Shape that broadcasts one number per channel over the features.
        gate: The learned gate of the algorithm GATE, or ``None``.
    """

    def __init__(
        self, body: nn.Module, channel_shape: tuple[int, ...], *, gate: LearnedGate | None
    ) -> None:
        super().__init__()
        self.body = body
        self.scale = nn.Parameter(torch.zeros(channel_shape))
        self.gate = gate

    def forward(self, features: Tensor) -> Tensor:
        """Return the residual ``scale * f(features)``, of the features' shape."""
        residual: Tensor = self.scale * self.body(features)
        return residual

    def delta(self, algorithm: Algorithm, features: Tensor, residual: Tensor) -> Tensor:
        """Return what full influence would add to ``features``: zero when the residual is.

        Args:
            algorithm: How the residual enters.
            features: The host's features h.
            residual: This module's output on them.

        Raises:
            RuntimeError: If GATE is asked of a seed without a gate.
        """
        if algorithm == Algorithm.ADD:
            return residual
        if algorithm == Algorithm.MULTIPLY:
            return features * torch.tanh(residual)
        if self.gate is None:
            message = "a seed composed with GATE must have a gate, got none"
            raise RuntimeError(message)
        gated: Tensor = self.gate(features.to(self.scale.dtype)) * residual
        return gated


def compose(
    features: Tensor, module: SeedModule, weights: tuple[tuple[Algorithm, float], ...]
) -> Tensor:
    """Blend a seed into the host: y = h + sum of a * delta(h) over the algorithms in effect.

    Args:
        features: The host's features h.
        module: The seed.
        weights: Algorithms in effect with their alpha; zero alphas are left out by the caller.

    Returns:
        Features of the same dtype; ``features`` itself when nothing is in effect, so that alpha 0
        is bit-equal to no seed.
    """
    if not weights:
        return features
    # Under autocast features may be of lower precision than the seed, which works in its own: the
    # sum is made in the wider one and rounded once.
    is_mixed = features.dtype != module.scale.dtype
    residual = module(features.to(module.scale.dtype) if is_mixed else features)
    blended = features
    for algorithm, alpha in weights:
        blended = torch.add(blended, module.delta(algorithm, features, residual), alpha=alpha)
    return blended.to(features.dtype) if is_mixed else blended
