"""Generalized advantage estimation (Schulman et al. 2016, https://arxiv.org/abs/1506.02438).

Three ways to end are kept apart (Pardo et al. 2018, https://arxiv.org/abs/1712.00378): an episode
that is over is worth nothing more, one that an outside limit stopped is worth V(final observation),
and one that goes on after the rollout is worth V(next state).
"""

from __future__ import annotations

import torch
from torch import Tensor

from tamiyo.contracts import ShapeError

__all__ = ["compute_gae"]


def compute_gae(
    rewards: Tensor,
    values: Tensor,
    *,
    terminated: Tensor,
    truncated: Tensor,
    bootstrap_values: Tensor,
    valid: Tensor,
    gamma: float,
    gae_lambda: float,
) -> tuple[Tensor, Tensor]:
    """Compute advantages and returns of one rollout.

    The advantage of step t is the sum over k of (γλ)^k δ(t + k) up to the end of its episode or of
    the rollout, with δ(t) = r(t) + γ V(t + 1) − V(t). V(t + 1) is 0 if step t terminated, else the
    bootstrap value if it was truncated, else the value of the environment's next valid step.
    Environments are columns and never mix.

    Args:
        rewards: Reward of each step, shape ``[T, N]``.
        values: V of the state before each step and, in the last row, of the state the rollout
            stopped in (used where no episode ended there), shape ``[T + 1, N]``, in the unit of
            the rewards.
        terminated: Steps that ended their episode for good, shape ``[T, N]``, bool; wins over
            ``truncated``.
        truncated: Steps after which an outside limit stopped the episode, ``[T, N]``, bool.
        bootstrap_values: V of the final observation where truncated, shape ``[T, N]``.
        valid: False for filler rows; the recursion passes over them, ``[T, N]``, bool.
        gamma: Discount per step, in [0, 1].
        gae_lambda: Weight of longer returns, in [0, 1].

    Returns:
        Advantages and returns (advantages + values), each ``[T, N]``; both 0 in filler rows.

    Raises:
        ShapeError: If the shapes do not fit together.
    """
    steps, num_envs = rewards.shape
    shapes = [tensor.shape for tensor in (terminated, truncated, bootstrap_values, valid)]
    if values.shape != (steps + 1, num_envs) or any(shape != rewards.shape for shape in shapes):
        message = (
            f"values must be [T + 1, N] and all others [T, N] as rewards {list(rewards.shape)}, "
            f"got {list(values.shape)} and {[list(shape) for shape in shapes]}"
        )
        raise ShapeError(message)
    end_values = bootstrap_values.masked_fill(terminated, 0.0)
    ended = (terminated | truncated) & valid
    advantages = torch.zeros_like(rewards)
    next_value, next_advantage = values[-1], torch.zeros_like(values[-1])
    for step in reversed(range(steps)):
        next_value = torch.where(ended[step], end_values[step], next_value)
        next_advantage = next_advantage.masked_fill(ended[step], 0.0)
        delta = rewards[step] + gamma * next_value - values[step]
        advantage = delta + gamma * gae_lambda * next_advantage
        advantages[step] = torch.where(valid[step], advantage, 0.0)
        next_value = torch.where(valid[step], values[step], next_value)
        next_advantage = torch.where(valid[step], advantage, next_advantage)
    return advantages, (advantages + values[:-1]).masked_fill(~valid, 0.0)
