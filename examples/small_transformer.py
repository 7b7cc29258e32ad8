"""Grow a small causal transformer that predicts the next character of an English text.

The text is what ``help("topics")`` of Python shows. Loss and metric are the user's own; the metric,
bits per character, is better the lower it is. Run: ``python examples/small_transformer.py``.
"""

from __future__ import annotations

import math
from functools import partial
from pydoc_data.topics import topics
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import tamiyo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.controller import Controller

ALPHABET: Final = "?\n abcdefghijklmnopqrstuvwxyz0123456789.,;:()\"'=-_*"
"""Characters that are told apart; all others become the first one."""
CONTEXT: Final = 32
MAX_PARAMETERS: Final = 9_000


class Block(nn.Module):
    """Attention to what came before and an MLP, each added to the residual stream."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.merge = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))

    def forward(self, stream: Tensor) -> Tensor:
        """Map [B, T, width] to [B, T, width]; no position sees a later one."""
        heads = self.project(self.norm1(stream)).unflatten(2, (3, 2, -1))  # [B, T, 3, 2, width / 2]
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(queries, keys, values, is_causal=True)
        stream = stream + self.merge(attended.transpose(1, 2).flatten(2))
        change: Tensor = self.mlp(self.norm2(stream))
        return stream + change


class LanguageModel(nn.Module):
    """Embeddings of characters and places, blocks, and a number for every next character."""

    def __init__(self, width: int, depth: int) -> None:
        super().__init__()
        self.characters = nn.Embedding(len(ALPHABET), width)
        self.places = nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, len(ALPHABET))

    def forward(self, codes: Tensor) -> Tensor:
        """Map characters [B, T] to one number per next character, [B, T, len(ALPHABET)]."""
        stream = self.characters(codes) + self.places.weight[: codes.shape[1]]
        for block in self.blocks:
            stream = block(stream)
        logits: Tensor = self.head(self.norm(stream))
        return logits


def build_model() -> nn.Module:
    """Build the network as it is before anything grows."""
    return LanguageModel(width=16, depth=1)


def compute_loss(outputs: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy over all characters, nats."""
    return F.cross_entropy(outputs.flatten(0, 1), targets.flatten())


def bits_per_character(outputs: Tensor, targets: Tensor) -> Tensor:
    """Bits a character costs in each window, [B]."""
    nats = F.cross_entropy(outputs.transpose(1, 2), targets, reduction="none")
    return nats.mean(dim=1) / math.log(2)


class Windows:
    """Batches of windows of a text, each with the characters that come next."""

    def __init__(self, codes: Tensor) -> None:
        self._codes = codes

    def cut(self, starts: Tensor) -> tuple[Tensor, Tensor]:
        """Return the windows that begin there, [B, T], and the same ones a character later."""
        windows = self._codes[starts[:, None] + torch.arange(CONTEXT + 1)]
        return windows[:, :-1], windows[:, 1:]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for _ in range(40):
            yield self.cut(torch.randint(len(self._codes) - CONTEXT, (32,)))


def load_data() -> tuple[Windows, list[tuple[Tensor, Tensor]]]:
    """Load the first nine tenths of the text to train on and the rest to measure with."""
    text = "\n".join(topics[name] for name in sorted(topics)).lower()
    codes = torch.tensor([max(0, ALPHABET.find(character)) for character in text])
    train, control = codes.tensor_split([len(codes) * 9 // 10])
    starts = torch.arange(0, len(control) - CONTEXT, CONTEXT)[:512]
    return Windows(train), [Windows(control).cut(part) for part in starts.split(128)]


def run(
    seed: int,
    *,
    epochs: int = 50,
    controller: str | Controller = "heuristic",
    progress: bool = False,
) -> tamiyo.GrowResult:
    """Train the network and grow it on the way.

    Args:
        seed: Seed of its initial weights and of everything drawn in training.
        epochs: Epochs to train.
        controller: Who decides; ``"wait-only"`` never grows anything.
        progress: Whether to print the run as it happens.
    """
    train, control = load_data()
    torch.manual_seed(seed)
    return tamiyo.grow(
        build_model(),
        train=train,
        control=control,
        epochs=epochs,
        optimizer=partial(torch.optim.AdamW, lr=0.01),
        loss=compute_loss,
        metric=bits_per_character,
        higher_is_better=False,
        slots=["blocks.0"],
        controller=controller,
        max_parameters=MAX_PARAMETERS,
        seed=seed,
        progress=progress,
    )


def main() -> None:
    """Grow one network, train it alone, and print both."""
    grown = run(0, progress=True)
    alone = run(0, controller="wait-only")
    for name, one in (("alone", alone), ("grown", grown)):
        bits = one.record.metric.to_value(one.result.control_accuracy)
        print(f"{name}: {bits:.3f} bits per character, {one.result.parameters:,} parameters")


if __name__ == "__main__":
    main()
