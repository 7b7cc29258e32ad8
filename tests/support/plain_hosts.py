"""Hosts of a user's own: nothing but PyTorch, so that they can be built where Tamiyo is not."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["HOSTS", "SLOTS", "Perceptron", "Translator", "draw_inputs"]

SLOTS = {
    "cnn": {"r0c0": "2", "r0c1": "5"},
    "transformer": {"r0c0": "blocks.0", "r0c1": "blocks.1.mix", "r1c0": "blocks.1"},
    "mlp": {"r0c0": "first", "r0c1": "second"},
}
"""Slots of each host; in the transformer one lies inside another."""


class Block(nn.Module):
    """Causal attention with one head, then two layers."""

    def __init__(self, channels):
        super().__init__()
        self.look = nn.Linear(channels, 3 * channels)
        self.mix = nn.Sequential(nn.LayerNorm(channels), nn.Linear(channels, channels), nn.GELU())

    def forward(self, inputs):
        query, key, value = self.look(inputs).chunk(3, dim=2)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        features = inputs + seen
        return features + self.mix(features) * self.mix[0].weight.mean()


class Translator(nn.Module):
    """A language model: its last layer shares the weights of its first, and it holds buffers."""

    def __init__(self, tokens=11, channels=8, length=12):
        super().__init__()
        self.embed = nn.Embedding(tokens, channels)
        self.blocks = nn.ModuleList([Block(channels), Block(channels)])
        self.head = nn.Linear(channels, tokens, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("places", torch.randn(length, channels))
        self.register_buffer("steps", torch.arange(length), persistent=False)

    def forward(self, tokens):
        features = self.embed(tokens) + self.places[self.steps[: tokens.shape[1]]]
        for block in self.blocks:
            features = block(features)
        return self.head(features)


class Perceptron(nn.Module):
    """Two hidden layers, whose sizes the forward pass reads off them."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 8)
        self.second = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)

    def forward(self, inputs):
        hidden = self.first(inputs).relu() / self.first.in_features**0.5
        return self.head(hidden + self.second(hidden).relu() / self.second.out_features**0.5)


def build_cnn():
    def block(inputs):
        return nn.Conv2d(inputs, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU()

    return nn.Sequential(
        *block(1), *block(4), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )


HOSTS = {"cnn": build_cnn, "transformer": Translator, "mlp": Perceptron}


def draw_inputs(name, dtype=torch.float32):
    """A batch for a host; token ids for the transformer."""
    generator = torch.Generator().manual_seed(5)
    if name == "transformer":
        return torch.randint(11, (3, 12), generator=generator)
    shape = {"cnn": (6, 1, 8, 8), "mlp": (6, 6)}[name]
    return torch.randn(shape, generator=generator).to(dtype)
