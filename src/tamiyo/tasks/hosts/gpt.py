"""A small GPT-style decoder (Radford et al. 2019) with pre-norm blocks, in stages for slots."""

from __future__ import annotations

import math
from collections import OrderedDict

from torch import Tensor, nn

from tamiyo.contracts import ConfigError

__all__ = ["CausalAttention", "LearnedPositions", "build_gpt"]

_EMBEDDING_STD = 0.1
_LOGITS_STD = 0.1
_MLP_EXPANSION = 4


def build_gpt(
    *, head_width: int, heads: int, blocks: int, context: int, vocabulary: int
) -> nn.Sequential:
    """Build a decoder that says for every position which symbol comes next.

    The stages are named ``embedding``, ``block1``, ``block2``, ..., ``norm`` and ``head``; between
    them features are [B, T, heads * head_width]. A position never sees a later one. Weights are
    drawn from PyTorch's global generator: wrap the call.

    The head starts so small that the loss is ln(vocabulary) within 2 % at any width. It is not tied
    to the embedding, which needs larger numbers.

    Args:
        head_width: Features of one attention head, at least 1.
        heads: Attention heads of a block, at least 1.
        blocks: Number of blocks, at least 1.
        context: Longest sequence, at least 1.
        vocabulary: Number of symbols, at least 2.

    Returns:
        A module that maps symbols [B, T] int64 with T up to ``context`` to logits
        [B, T, vocabulary].

    Raises:
        ConfigError: If a number is outside its range.

    >>> host = build_gpt(head_width=4, heads=2, blocks=1, context=16, vocabulary=256)
    >>> sum(p.numel() for p in host.parameters())
    5112
    """
    for name, value, smallest in (
        ("head_width", head_width, 1),
        ("heads", heads, 1),
        ("blocks", blocks, 1),
        ("context", context, 1),
        ("vocabulary", vocabulary, 2),
    ):
        if value < smallest:
            message = f"{name} of host gpt must be at least {smallest}, got {value}"
            raise ConfigError(message)
    width = heads * head_width
    stages: OrderedDict[str, nn.Module] = OrderedDict()
    stages["embedding"] = _Embedding(width, context=context, vocabulary=vocabulary)
    for index in range(blocks):
        stages[f"block{index + 1}"] = _Block(width, heads=heads)
    stages["norm"] = nn.LayerNorm(width)
    stages["head"] = _build_head(width, vocabulary)
    return nn.Sequential(stages)


def _build_head(width: int, vocabulary: int) -> nn.Linear:
    """Logits of a normalized feature vector start with a standard deviation of ``_LOGITS_STD``."""
    head = nn.Linear(width, vocabulary, bias=False)
    nn.init.normal_(head.weight, std=_LOGITS_STD / math.sqrt(width))
    return head


class LearnedPositions(nn.Embedding):
    """A table of positions that adds itself to the features of a sequence, [B, T, D]."""

    def forward(self, features: Tensor) -> Tensor:
        """Add to each position its own row."""
        return features + self.weight[: features.shape[1]]


class _Embedding(nn.Module):
    """Symbol plus position."""

    def __init__(self, width: int, *, context: int, vocabulary: int) -> None:
        super().__init__()
        self.symbols = nn.Embedding(vocabulary, width)
        self.positions = LearnedPositions(context, width)
        for embedding in (self.symbols, self.positions):
            nn.init.normal_(embedding.weight, std=_EMBEDDING_STD)

    def forward(self, symbols: Tensor) -> Tensor:
        embedded: Tensor = self.positions(self.symbols(symbols))  # [B, T, D]
        return embedded


class _Block(nn.Module):
    """Attention, then a two-layer perceptron, each added to what it reads through a LayerNorm."""

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.attention = nn.Sequential(nn.LayerNorm(width), CausalAttention(width, heads=heads))
        self.mlp = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, _MLP_EXPANSION * width),
            nn.GELU(),
            nn.Linear(_MLP_EXPANSION * width, width),
        )

    def forward(self, features: Tensor) -> Tensor:
        features = features + self.attention(features)
        added: Tensor = features + self.mlp(features)
        return added


class CausalAttention(nn.Module):
    """Multi-head attention to the position itself and those before it.

    It is spelled out in matrix products: PyTorch counts no work in its fused kernel on the CPU.
    """

    def __init__(self, width: int, *, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """Attend, [B, T, width] to [B, T, width]."""
        batch, length, width = features.shape
        split = self.queries_keys_values(features).view(batch, length, 3, self.heads, -1)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # [B, heads, T, head_width] each
        scores = queries / math.sqrt(queries.shape[-1]) @ keys.transpose(-2, -1)
        later = scores.new_full((length, length), -math.inf).triu(1)  # added: faster than a mask
        weights = (scores + later).softmax(dim=-1)  # [B, heads, T, T]
        mixed = (weights @ values).transpose(1, 2).reshape(batch, length, width)
        output: Tensor = self.output(mixed)
        return output
