"""SeedModule: a blueprint's body behind one zero-initialized scale, with an optional learned gate.

The residual is ``scale * f(h)``. The scale stands after the last normalizer and non-linearity, so a
new-born seed is exactly the identity and yet has a gradient (LayerScale, Touvron et al. 2021,
started at zero as in ReZero, Bachlechner et al. 2021).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tamiyo.contracts import AlphaAlgorithm, InvariantError

if TYPE_CHECKING:
    from tamiyo.model.blueprints.shapes import SlotShape

__all__ = ["LearnedGate", "SeedModule", "build_gate", "compose"]


class LearnedGate(nn.Module):
    """One number in (0, 1) per sample: sigmoid(W2 relu(W1 mean(h))), eight hidden units or more."""

    def __init__(self, shape: SlotShape) -> None:
        super().__init__()
        hidden = max(8, shape.channels // 4)
        self.openness = nn.Sequential(
            nn.Linear(shape.channels, hidden), nn.ReLU(), nn.Linear(hidden, 1), nn.Sigmoid()
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the gate for features [B, C, H, W], shape [B, 1, 1, 1]."""
        openness: Tensor = self.openness(features.mean(dim=(2, 3)))
        return openness[:, :, None, None]


class SeedModule(nn.Module):
    """Body, scale and gate of one seed.

    Args:
        body: Maps features to features of the same shape.
        shape: Shape of those features.
        gate: The learned gate of GATED_GATE, or ``None``.
    """

    def __init__(self, body: nn.Module, shape: SlotShape, *, gate: LearnedGate | None) -> None:
        super().__init__()
        self.body = body
        self.scale = nn.Parameter(torch.zeros(shape.channel_shape))
        self.gate = gate

    def forward(self, features: Tensor) -> Tensor:
        """Return the residual ``scale * f(features)``, of the features' shape."""
        residual: Tensor = self.scale * self.body(features)
        return residual

    def delta(self, algorithm: AlphaAlgorithm, features: Tensor, residual: Tensor) -> Tensor:
        """Return what full influence would add to ``features``: zero when the residual is.

        Args:
            algorithm: How the residual enters.
            features: The host's features h.
            residual: This module's output on them.

        Raises:
            InvariantError: If GATE is asked of a seed without a gate.
        """
        if algorithm == AlphaAlgorithm.ADD:
            return residual
        if algorithm == AlphaAlgorithm.MULTIPLY:
            return features * torch.tanh(residual)
        if self.gate is None:
            message = "a seed composed with GATE must have a gate, got none"
            raise InvariantError(message)
        gated: Tensor = self.gate(features) * residual
        return gated


def build_gate(shape: SlotShape) -> LearnedGate:
    """Build the learned gate for a slot's shape."""
    return LearnedGate(shape)


def compose(
    features: Tensor, module: SeedModule, weights: tuple[tuple[AlphaAlgorithm, float], ...]
) -> Tensor:
    """Blend a seed into the host: y = h + sum of a * delta(h) over the styles in effect.

    Args:
        features: The host's features h.
        module: The seed.
        weights: Algorithms in effect with their alpha; zero alphas are left out by the caller.

    Returns:
        ``features`` itself when nothing is in effect, so that alpha 0 is bit-equal to no seed.
    """
    if not weights:
        return features
    residual = module(features)
    blended = features
    for algorithm, alpha in weights:
        blended = torch.add(blended, module.delta(algorithm, features, residual), alpha=alpha)
    return blended
