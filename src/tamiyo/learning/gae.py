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
    ended = terminated | truncated
    next_values = torch.where(ended, end_values, _look_ahead(values, valid))
    # A filler row adds nothing and hands on what comes after it as it is.
    deltas = (rewards + gamma * next_values - values[:-1]).masked_fill(~valid, 0.0)
    decays = torch.full_like(rewards, gamma * gae_lambda).masked_fill(ended, 0.0)
    decays = decays.masked_fill(~valid, 1.0)
    advantage, advantages = torch.zeros_like(values[-1]), []
    for delta, decay in zip(reversed(deltas.unbind()), reversed(decays.unbind()), strict=True):
        advantage = delta + decay * advantage
        advantages.append(advantage)
    found = torch.stack(advantages[::-1]).masked_fill(~valid, 0.0)
    return found, (found + values[:-1]).masked_fill(~valid, 0.0)


def _look_ahead(values: Tensor, valid: Tensor) -> Tensor:
    """Return the value of each environment's next valid step; the last row's if there is none."""
    steps = len(valid)
    numbers = torch.arange(steps, device=valid.device).unsqueeze(-1)
    upcoming = torch.where(valid, numbers, steps).flip(0).cummin(0).values.flip(0)
    following = torch.cat([upcoming[1:], torch.full_like(upcoming[:1], steps)])
    return values.gather(0, following)
