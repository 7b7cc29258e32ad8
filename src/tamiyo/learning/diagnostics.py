"""What an update measured, as pure functions from tensors to the records of a report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tamiyo.contracts import (
    AdvantageReport,
    HeadReport,
    OpReport,
    PolicyReport,
    UpdateReport,
    ValueReport,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import ActionSpec, RolloutReport

__all__ = [
    "MinibatchReading",
    "UpdateParts",
    "describe_advantages",
    "describe_conditional_entropies",
    "describe_heads",
    "describe_ops",
    "describe_policy",
    "describe_values",
    "estimate_kl",
    "explain_variance",
    "find_forced_fraction",
]


@dataclass(frozen=True, kw_only=True)
class MinibatchReading:
    """What one minibatch measured; ``B`` valid transitions, ``A`` heads, all detached.

    Attributes:
        log_ratios: New less old log-probability per head, ``[B, A]``; 0 where unused.
        used: Heads the op used, ``[B, A]``, bool.
        choices: Used heads that had more than one legal choice, ``[B, A]``, bool.
        entropies: Normalized entropy per head, ``[B, A]``, in [0, 1].
        policy_loss: Scalar.
        value_loss: Scalar.
        entropy_bonus: Scalar, as it enters the loss.
        gradient_norm: Scalar, before clipping; ``None`` if the optimizer did not step.
        head_gradient_norms: Of each head's own parameters, ``[A]``; ``None`` as above.
    """

    log_ratios: Tensor
    used: Tensor
    choices: Tensor
    entropies: Tensor
    policy_loss: Tensor
    value_loss: Tensor
    entropy_bonus: Tensor
    gradient_norm: Tensor | None = None
    head_gradient_norms: Tensor | None = None


@dataclass(frozen=True, kw_only=True)
class UpdateParts:
    """What an update contributes to its report.

    Attributes:
        policy: How far the policy moved.
        value: How well the critic knew the returns.
        advantages: Moments of the advantages.
        heads: Head name to its report.
        ops: Choice of the first head to its report.
        forced_fraction: Share of transitions in which one action was legal, in [0, 1].
    """

    policy: PolicyReport
    value: ValueReport
    advantages: AdvantageReport
    heads: Mapping[str, HeadReport]
    ops: Mapping[str, OpReport]
    forced_fraction: float

    def report(self, rollout: RolloutReport, *, update: int, steps: int) -> UpdateReport:
        """Put the report of the update together, without alarms.

        Args:
            rollout: What was learned from.
            update: Number of the update, counted from 1.
            steps: Environment steps made so far.
        """
        return UpdateReport(
            update=update,
            steps=steps,
            rollout=rollout,
            policy=self.policy,
            value=self.value,
            advantages=self.advantages,
            heads=self.heads,
            ops=self.ops,
            alarms=(),
        )


def estimate_kl(log_ratios: Tensor) -> Tensor:
    """Estimate the divergence of the old policy from the new one on the old one's actions.

    The mean of r − 1 − ln r, which is unbiased and never negative (Schulman 2020,
    http://joschu.net/blog/kl-approx.html, k3).

    Args:
        log_ratios: Of the joint action, shape ``[B]``.

    Returns:
        Scalar, in nats.
    """
    return (log_ratios.expm1() - log_ratios).mean()


def explain_variance(values: Tensor, returns: Tensor) -> float | None:
    """Return 1 − Var(return − value) / Var(return), at most 1; ``None`` if all returns are equal.

    Args:
        values: What the critic said, shape ``[B]``.
        returns: What came, shape ``[B]``.
    """
    if returns.max() == returns.min():
        return None
    error = (returns - values).double().var(correction=0)
    return float(1 - error / returns.double().var(correction=0))


def find_forced_fraction(readings: Sequence[MinibatchReading]) -> float:
    """Return the share of transitions that left no head a choice, in [0, 1]."""
    choices = torch.cat([reading.choices for reading in readings])
    return float((~choices.any(-1)).double().mean())


def describe_advantages(advantages: Tensor) -> AdvantageReport:
    """Compute the moments of the advantages of the valid transitions, shape ``[B]``."""
    wide = advantages.double()
    mean, std = wide.mean(), wide.std(correction=0)
    is_constant = bool(advantages.max() == advantages.min())
    scores = (wide - mean) / std
    return AdvantageReport(
        count=len(advantages),
        mean=float(mean),
        std=0.0 if is_constant else float(std),
        skewness=None if is_constant else float(scores.pow(3).mean()),
        kurtosis=None if is_constant else float(scores.pow(4).mean() - 3),
        positive_fraction=float((advantages > 0).double().mean()),
    )


def describe_values(
    readings: Sequence[MinibatchReading], values: Tensor, returns: Tensor
) -> ValueReport:
    """Compare the critic with the returns.

    Args:
        readings: One per minibatch.
        values: Of the valid transitions, in normalized rewards, shape ``[B]``.
        returns: Likewise.
    """
    return ValueReport(
        loss=_mean([reading.value_loss for reading in readings]),
        explained_variance=explain_variance(values, returns),
        mean=float(values.mean()),
        mean_return=float(returns.mean()),
        std_return=float(returns.std(correction=0)),
        absolute_error=float((returns - values).abs().mean()),
    )


def describe_ops(
    names: Sequence[str], chosen: Tensor, legal: Tensor, advantages: Tensor, errors: Tensor
) -> dict[str, OpReport]:
    """Sum up the valid transitions by op.

    Args:
        names: Names of the ops.
        chosen: Op of each transition, shape ``[B]``, int64.
        legal: Ops that were legal, shape ``[B, ops]``, bool.
        advantages: Before they are normalized, shape ``[B]``.
        errors: Return less value, shape ``[B]``.
    """
    is_chosen = chosen[:, None] == torch.arange(len(names))  # [B, ops]
    counts = is_chosen.sum(0).tolist()
    sums = torch.stack([advantages, errors]).double() @ is_chosen.double()  # [2, ops]
    return {
        name: OpReport(
            count=count,
            legal=allowed,
            advantage=advantage / count if count else None,
            value_error=error / count if count else None,
        )
        for name, count, allowed, (advantage, error) in zip(
            names, counts, legal.sum(0).tolist(), sums.t().tolist(), strict=True
        )
    }


def describe_policy(
    readings: Sequence[MinibatchReading],
    *,
    clip_range: float,
    max_gradient_norm: float,
    learning_rate: float,
    inner_epochs: int,
) -> PolicyReport:
    """Sum up how far an update moved the policy; ratios are those of the joint action.

    Args:
        readings: One per minibatch, at least one of them with a step; if the last one made none,
            the divergence ended the update there.
        clip_range: Largest deviation of a ratio from 1 that still pays.
        max_gradient_norm: Norm to which longer gradients were cut.
        learning_rate: Learning rate of the update.
        inner_epochs: Passes over the rollout that were begun.
    """
    log_ratios = torch.cat([reading.log_ratios.sum(-1) for reading in readings])
    ratios = log_ratios.exp()
    steps = [norm for reading in readings if (norm := reading.gradient_norm) is not None]
    norms = torch.stack(steps)
    return PolicyReport(
        loss=_mean([reading.policy_loss for reading in readings]),
        entropy_bonus=_mean([reading.entropy_bonus for reading in readings]),
        kl=float(estimate_kl(readings[-1].log_ratios.sum(-1))),
        clip_fraction=float(_is_outside(ratios, clip_range).double().mean()),
        ratio_lowest=float(ratios.min()),
        ratio_highest=float(ratios.max()),
        gradient_norm=_mean(steps),
        gradient_clip_fraction=float((norms > max_gradient_norm).double().mean()),
        learning_rate=learning_rate,
        inner_epochs=inner_epochs,
        optimizer_steps=len(steps),
        stopped_by_kl=readings[-1].gradient_norm is None,
    )


def describe_heads(
    actions: ActionSpec,
    readings: Sequence[MinibatchReading],
    conditional: Mapping[str, Mapping[str, float]],
    *,
    clip_range: float,
) -> dict[str, HeadReport]:
    """Sum up every head over the transitions that used it.

    Args:
        actions: The heads.
        readings: One per minibatch, at least one of them with a step.
        conditional: Head name to op to the entropy had that op been chosen.
        clip_range: Largest deviation of a ratio from 1 that still pays.
    """
    used = torch.cat([reading.used for reading in readings])
    choices = torch.cat([reading.choices for reading in readings])
    entropies = torch.cat([reading.entropies for reading in readings])
    ratios = torch.cat([reading.log_ratios for reading in readings]).exp()
    norms = [norm for reading in readings if (norm := reading.head_gradient_norms) is not None]
    columns = zip(
        actions.names,
        used.double().mean(0).tolist(),
        _masked_means(entropies, choices),
        ratios.masked_fill(~used, torch.inf).amin(0).tolist(),
        ratios.masked_fill(~used, -torch.inf).amax(0).tolist(),
        _masked_means(_is_outside(ratios, clip_range), used),
        torch.stack(norms).mean(0).tolist(),
        strict=True,
    )
    return {
        name: HeadReport(
            used_fraction=share,
            entropy=entropy,
            conditional_entropy=conditional[name],
            ratio_lowest=lowest if share else None,
            ratio_highest=highest if share else None,
            clip_fraction=clipped,
            gradient_norm=norm,
        )
        for name, share, entropy, lowest, highest, clipped, norm in columns
    }


def describe_conditional_entropies(
    actions: ActionSpec, entropies: Tensor, choices: Tensor
) -> dict[str, dict[str, float]]:
    """Average the entropy of every head over the transitions in which an op was legal.

    Args:
        actions: The heads.
        entropies: Had the op been chosen, shape ``[B, ops, A]``.
        choices: True where the op was legal and leaves the head a choice, ``[B, ops, A]``, bool.

    Returns:
        Head name to op to mean entropy; what was never asked is left out.
    """
    table: dict[str, dict[str, float]] = {name: {} for name in actions.names}
    for position, op in enumerate(actions.heads[0].choices):
        means = _masked_means(entropies[:, position], choices[:, position])
        for name, mean in zip(actions.names, means, strict=True):
            if mean is not None:
                table[name][op] = mean
    return table


def _is_outside(ratios: Tensor, clip_range: float) -> Tensor:
    return (ratios - 1).abs() > clip_range


def _mean(scalars: Sequence[Tensor]) -> float:
    return float(torch.stack(list(scalars)).double().mean())


def _masked_means(values: Tensor, mask: Tensor) -> list[float | None]:
    """Average each column over the rows its mask marks; ``None`` where it marks none."""
    sums = values.double().masked_fill(~mask, 0.0).sum(0).tolist()
    counts = mask.sum(0).tolist()
    return [total / count if count else None for total, count in zip(sums, counts, strict=True)]
