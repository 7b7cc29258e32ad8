"""Seed bodies in which the positions of a sequence exchange what they know.

Where the slot is causal, no position sees a later one, so that a seed cannot leak the future.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Final, TypeAlias

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention.flex_attention import BlockMask, create_block_mask, flex_attention

from .pointwise import build_normalizer
from .topology import Topology

__all__ = ["WINDOW", "SelfAttention", "attend_everywhere", "attend_within_window", "count_heads"]

WINDOW: Final = 64
"""Positions i and j of a sliding window see each other if ``|i - j| < WINDOW``."""

Attend: TypeAlias = Callable[..., Tensor]
Index: TypeAlias = "Tensor | int"

_MOST_HEADS: Final = 4
_HAS_TRITON: Final = find_spec("triton") is not None
_KERNEL_HEAD_CHANNELS: Final = 16
_KERNEL_DTYPES: Final = frozenset({torch.float16, torch.bfloat16, torch.float32})


def count_heads(channels: int) -> int:
    """Heads of a seed's attention: the most, up to 4, that divide the channels.

    >>> count_heads(64), count_heads(6), count_heads(5)
    (4, 3, 1)
    """
    return next(heads for heads in range(_MOST_HEADS, 0, -1) if channels % heads == 0)


class SelfAttention(nn.Module):
    """Normalizer and multi-head self-attention without biases: 4 D^2 parameters.

    Args:
        channels: Channels D.
        attend: Maps queries, keys and values, each [B, heads, T, D / heads], to one of these.
        is_causal: Whether a position must not see later ones.
    """

    def __init__(self, channels: int, attend: Attend, *, is_causal: bool) -> None:
        super().__init__()
        self.attend = attend
        self.is_causal = is_causal
        self.heads = count_heads(channels)
        self.normalize = build_normalizer(Topology.SEQUENCE, channels)
        self.project_in = nn.Linear(channels, 3 * channels, bias=False)
        self.project_out = nn.Linear(channels, channels, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Mix the positions of ``features``, shape [B, T, D]."""
        query, key, value = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2)
            for part in self.project_in(self.normalize(features)).chunk(3, dim=2)
        )
        attended = self.attend(query, key, value, is_causal=self.is_causal)
        mixed: Tensor = self.project_out(attended.transpose(1, 2).flatten(2))
        return mixed


def attend_everywhere(query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool) -> Tensor:
    """Attend over all positions, or all up to one's own."""
    return F.scaled_dot_product_attention(query, key, value, is_causal=is_causal)


def attend_within_window(query: Tensor, key: Tensor, value: Tensor, *, is_causal: bool) -> Tensor:
    """Attend over the positions within the window.

    On a GPU this is FlexAttention with a block mask, which skips what lies outside the window.
    Where its kernel cannot run (on the CPU, without Triton, on heads of fewer than 16 channels, in
    float64) an explicit mask gives the same function.
    """
    is_visible = _is_visible_before if is_causal else _is_visible
    if _has_kernel(query):
        return _attend_by_kernel(query, key, value, is_visible)
    position = torch.arange(query.shape[2], device=query.device)
    mask = is_visible(0, 0, position[:, None], position)
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)


def _is_visible(_batch: Index, _head: Index, query: Tensor, key: Tensor) -> Tensor:
    return (query - key).abs() < WINDOW


def _is_visible_before(_batch: Index, _head: Index, query: Tensor, key: Tensor) -> Tensor:
    return (query >= key) & (query - key < WINDOW)


def _has_kernel(query: Tensor) -> bool:
    return (
        query.is_cuda
        and query.shape[-1] >= _KERNEL_HEAD_CHANNELS
        and query.dtype in _KERNEL_DTYPES
        and _HAS_TRITON
    )


def _attend_by_kernel(
    query: Tensor, key: Tensor, value: Tensor, is_visible: Callable[..., Tensor]
) -> Tensor:
    length, device = query.shape[2], query.device
    if torch.compiler.is_compiling():  # the kernel too then, with all around it
        blocks = _build_block_mask(is_visible, length, device)
        return flex_attention(query, key, value, block_mask=blocks)
    blocks = _build_block_mask_once(is_visible, length, device)
    return _compile_kernel()(query, key, value, block_mask=blocks)


@cache
def _compile_kernel() -> Callable[..., Tensor]:
    """Compile FlexAttention on first use: uncompiled it would compute every score."""
    return torch.compile(flex_attention)


def _build_block_mask(
    is_visible: Callable[..., Tensor], length: int, device: torch.device
) -> BlockMask:
    return create_block_mask(is_visible, None, None, length, length, device=device)


_build_block_mask_once = lru_cache(maxsize=16)(_build_block_mask)
