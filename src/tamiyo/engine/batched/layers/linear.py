"""Linear maps and tables of many networks at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.engine.batched.layers.products import multiply
from tamiyo.engine.batched.layers.registry import batches
from tamiyo.tasks import LearnedPositions

if TYPE_CHECKING:
    from tamiyo.engine.batched.layers.registry import Rows

__all__: list[str] = []


@batches(nn.Linear)
def _linear(layer: nn.Linear, rows: Rows, features: Tensor) -> Tensor:
    flat = features.reshape(rows.count, -1, layer.in_features)
    weight = rows["weight"].transpose(1, 2)  # [R, in, out]
    bias = None if layer.bias is None else rows["bias"].unsqueeze(1)
    outputs = multiply(flat, weight, bias)
    return outputs.view(*features.shape[:-1], layer.out_features)


@batches(nn.Embedding)
def _embedding(layer: nn.Embedding, rows: Rows, symbols: Tensor) -> Tensor:
    if layer.max_norm is not None or layer.sparse or layer.scale_grad_by_freq:
        message = "embedding must have no max_norm, be dense and not scale gradients"
        raise NotImplementedError(message)
    table = rows["weight"].flatten(0, 1)  # [R * symbols, D]
    apart = symbols.unflatten(0, (rows.count, -1))
    offsets = torch.arange(rows.count, device=symbols.device) * layer.num_embeddings
    found = F.embedding(apart + offsets.view(-1, *[1] * symbols.dim()), table)
    if layer.padding_idx is not None:  # whose numbers do not learn
        is_padding = (apart == layer.padding_idx).unsqueeze(-1)
        found = torch.where(is_padding, found.detach(), found)
    return found.flatten(0, 1)


@batches(LearnedPositions)
def _learned_positions(_layer: LearnedPositions, rows: Rows, features: Tensor) -> Tensor:
    apart = features.unflatten(0, (rows.count, -1))
    placed: Tensor = apart + rows["weight"][:, None, : features.shape[1]]
    return placed.flatten(0, 1)
