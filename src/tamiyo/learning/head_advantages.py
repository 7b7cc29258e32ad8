"""Which head earns credit for which op, and the clipped loss that gives it.

The policy is autoregressive, so the probability of a joint action is the product over the heads its
op uses. A head that the op does not use has log-probability 0 before and after: it can neither move
the joint ratio nor receive a gradient. The clipped surrogate is that of PPO (Schulman et al. 2017,
https://arxiv.org/abs/1707.06347, eq. 7).
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from tamiyo.contracts import ActionSpec

__all__ = ["ClipMode", "build_credit_table", "compute_log_ratios", "compute_policy_losses"]


class ClipMode(StrEnum):
    """What the trust region is put around."""

    JOINT = "joint"
    PER_HEAD = "per_head"


def build_credit_table(actions: ActionSpec) -> Tensor:
    """Say for every op which heads receive the advantage.

    Returns:
        Shape ``[ops, heads]``, bool; index it with the chosen ops.
    """
    return torch.tensor([[name in used for name in actions.names] for used in actions.used_when])


def compute_log_ratios(new: Tensor, old: Tensor, used: Tensor) -> Tensor:
    """Compare log-probabilities per head, all of shape ``[B, A]``; 0 for heads that are unused."""
    return (new - old).masked_fill(~used, 0.0)


def compute_policy_losses(
    log_ratios: Tensor, advantages: Tensor, used: Tensor, *, clip_mode: ClipMode, clip_range: float
) -> Tensor:
    """Compute the clipped surrogate loss of every transition.

    With ``JOINT`` one ratio, that of the joint action, is clipped; with ``PER_HEAD`` each used
    head's own ratio is clipped and the losses are added. At ratio 1 both have the same gradient.

    Args:
        log_ratios: What ``compute_log_ratios`` gave, ``[B, A]``.
        advantages: Shape ``[B]``.
        used: Heads that receive the advantage, ``[B, A]``, bool.
        clip_mode: What is clipped.
        clip_range: Largest deviation of a ratio from 1 that still pays, above 0.

    Returns:
        Shape ``[B]``.
    """
    if clip_mode == ClipMode.JOINT:
        return -_clip_surrogate(log_ratios.sum(-1).exp(), advantages, clip_range)
    gains = _clip_surrogate(log_ratios.exp(), advantages[:, None], clip_range)
    return -gains.masked_fill(~used, 0.0).sum(-1)


def _clip_surrogate(ratios: Tensor, advantages: Tensor, clip_range: float) -> Tensor:
    clipped = ratios.clamp(1 - clip_range, 1 + clip_range)
    return torch.minimum(ratios * advantages, clipped * advantages)
