"""Layers with orthogonal weights and known biases, drawn from a generator that is passed in.

The gains are those of PPO practice (Andrychowicz et al. 2021, arXiv:2006.05990). Layers are built
without storage first, so that PyTorch's own initialization draws nothing from the global generator.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import nn

__all__ = [
    "HIDDEN_GAIN",
    "POLICY_GAIN",
    "VALUE_GAIN",
    "build_embedding",
    "build_linear",
    "build_lstm",
    "build_mlp",
]

HIDDEN_GAIN: Final = math.sqrt(2)
POLICY_GAIN: Final = 0.01
"""Small, so that every head starts close to uniform over its legal choices."""
VALUE_GAIN: Final = 1.0


def build_linear(
    inputs: int, outputs: int, *, gain: float, generator: torch.Generator
) -> nn.Linear:
    """Build an affine layer.

    Args:
        inputs: Features in.
        outputs: Features out.
        gain: Factor on the orthogonal weights.
        generator: Source of the weights, on the CPU.
    """
    layer = nn.Linear(inputs, outputs, device="meta").to_empty(device="cpu")
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def build_mlp(
    inputs: int, hidden: int, outputs: int, *, gain: float, generator: torch.Generator
) -> nn.Sequential:
    """Build two affine layers with an activation between them.

    Args:
        inputs: Features in.
        hidden: Features between.
        outputs: Features out.
        gain: Factor on the orthogonal weights of the second layer.
        generator: Source of the weights, on the CPU.
    """
    return nn.Sequential(
        build_linear(inputs, hidden, gain=HIDDEN_GAIN, generator=generator),
        nn.SiLU(),
        build_linear(hidden, outputs, gain=gain, generator=generator),
    )


def build_embedding(
    choices: int, width: int, *, gain: float, generator: torch.Generator
) -> nn.Embedding:
    """Build a table with one vector per choice.

    Args:
        choices: Rows of the table.
        width: Features of a row.
        gain: Factor on the orthogonal table.
        generator: Source of the table, on the CPU.
    """
    table = nn.Embedding(choices, width, device="meta").to_empty(device="cpu")
    nn.init.orthogonal_(table.weight, gain, generator=generator)
    return table


def build_lstm(
    hidden: int, layers: int, *, longest_span: int | None = None, generator: torch.Generator
) -> nn.LSTM:
    """Build an LSTM that starts out remembering.

    Args:
        hidden: Features in and out.
        layers: Layers on top of each other.
        longest_span: Steps over which the slowest unit forgets; the units' spans lie between 2 and
            this (Tallec and Ollivier 2018, "Can recurrent neural networks warp time?", section 3,
            of the forget gates only). ``None`` gives every forget gate bias 1 (Jozefowicz et al.
            2015, "An empirical exploration of recurrent network architectures").
        generator: Source of the weights, on the CPU.
    """
    lstm = nn.LSTM(hidden, hidden, layers, device="meta").to_empty(device="cpu")
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight"):
            nn.init.orthogonal_(parameter, generator=generator)
            continue
        nn.init.zeros_(parameter)
        if name.startswith("bias_ih"):
            # The gates lie in the order input, forget, cell, output; bias_hh is added to bias_ih.
            forget = parameter.detach()[hidden : 2 * hidden]
            if longest_span is None:
                forget.fill_(1.0)
            else:
                forget.uniform_(1, longest_span - 1, generator=generator).log_()
    return lstm
