"""What one update of a learned controller measured; ``None`` means not measured, never zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = [
    "AdvantageReport",
    "HeadReport",
    "OpReport",
    "PolicyReport",
    "RolloutReport",
    "UpdateReport",
    "ValueReport",
]


@dataclass(frozen=True, kw_only=True)
class RolloutReport:
    """What was collected for one update.

    Attributes:
        transitions: Transitions that enter the update, over all environments.
        episodes: Episodes that ended in this rollout.
        episode_return: Mean sum of raw rewards of those episodes; ``None`` if none ended.
        episode_length: Their mean number of transitions.
        reward_raw: Mean raw reward per transition.
        reward_normalized: Mean reward per transition as the update sees it.
        forced_fraction: Share of transitions in which one action was legal, in [0, 1].
        saturated: Name of a number to the share of its values that were cut, for those that were:
            an observation's field by the name the environment that cut it knows it by,
            ``observation[index]`` where the normalizer did, ``reward`` likewise.
        environment: What the environments tell of this rollout's episodes, means by name.
    """

    transitions: int
    episodes: int
    episode_return: float | None
    episode_length: float | None
    reward_raw: float
    reward_normalized: float
    forced_fraction: float
    saturated: Mapping[str, float]
    environment: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class AdvantageReport:
    """Moments of the advantages over the valid transitions, before they are normalized.

    Attributes:
        count: Valid transitions.
        mean: Their mean, in normalized rewards.
        std: Their standard deviation, in normalized rewards.
        skewness: Third standardized moment; ``None`` if all are equal.
        kurtosis: Fourth standardized moment less 3; ``None`` if all are equal.
        positive_fraction: Share above zero, in [0, 1].
    """

    count: int
    mean: float
    std: float
    skewness: float | None
    kurtosis: float | None
    positive_fraction: float


@dataclass(frozen=True, kw_only=True)
class ValueReport:
    """How well the critic knew the returns.

    Attributes:
        loss: Mean value loss of the update.
        explained_variance: 1 - Var(return - value) / Var(return) of the rollout; ``None`` if all
            returns are equal.
        mean: Mean value of the rollout, in normalized rewards.
        mean_return: Mean return of the rollout, in normalized rewards.
        std_return: Standard deviation of the returns, in normalized rewards.
        absolute_error: Mean absolute difference of return and value, in normalized rewards.
    """

    loss: float
    explained_variance: float | None
    mean: float
    mean_return: float
    std_return: float
    absolute_error: float


@dataclass(frozen=True, kw_only=True)
class PolicyReport:
    """How far the update moved the policy; ratios are those of the joint action.

    Attributes:
        loss: Mean clipped surrogate loss.
        entropy_bonus: Mean bonus for entropy, as it enters the loss.
        kl: Estimated Kullback-Leibler divergence from the rollout's policy at the last minibatch.
        clip_fraction: Share of transitions whose ratio was outside the clip range, in [0, 1].
        ratio_lowest: Smallest ratio met.
        ratio_highest: Largest ratio met.
        gradient_norm: Mean norm of the gradient before it was clipped.
        gradient_clip_fraction: Share of optimizer steps whose gradient was clipped, in [0, 1].
        learning_rate: Learning rate of the update.
        inner_epochs: Passes over the rollout that were begun.
        optimizer_steps: Steps the optimizer made.
        stopped_by_kl: True if the divergence ended the update early.
    """

    loss: float
    entropy_bonus: float
    kl: float
    clip_fraction: float
    ratio_lowest: float
    ratio_highest: float
    gradient_norm: float
    gradient_clip_fraction: float
    learning_rate: float
    inner_epochs: int
    optimizer_steps: int
    stopped_by_kl: bool


@dataclass(frozen=True, kw_only=True)
class HeadReport:
    """One action head over the transitions of an update.

    Attributes:
        used_fraction: Share of transitions whose op uses the head, in [0, 1].
        entropy: Mean entropy over the transitions that use it and leave it a choice, as a share of
            the largest possible, in [0, 1]; ``None`` if there are none.
        conditional_entropy: Op to the same entropy had that op been chosen, over the transitions of
            some environments in which the op was legal and leaves the head a choice; ops without
            such are left out.
        ratio_lowest: Smallest ratio of this head alone; ``None`` if it was never used.
        ratio_highest: Largest ratio of this head alone; ``None`` if it was never used.
        clip_fraction: Share of uses whose ratio was outside the clip range; ``None`` if none.
        gradient_norm: Mean norm of the gradient of the head's own parameters, before clipping.
    """

    used_fraction: float
    entropy: float | None
    conditional_entropy: Mapping[str, float]
    ratio_lowest: float | None
    ratio_highest: float | None
    clip_fraction: float | None
    gradient_norm: float


@dataclass(frozen=True, kw_only=True)
class OpReport:
    """One choice of the first head over the transitions of an update.

    Attributes:
        count: Transitions in which it was chosen.
        legal: Transitions in which it was legal.
        advantage: Mean advantage where it was chosen, in normalized rewards; ``None`` if never.
        value_error: Mean of return less value where it was chosen; ``None`` if never.
    """

    count: int
    legal: int
    advantage: float | None
    value_error: float | None


@dataclass(frozen=True, kw_only=True)
class UpdateReport:
    """One round: a rollout and the update that learned from it.

    Attributes:
        update: Number of the update, counted from 1.
        steps: Environment steps of the run so far.
        rollout: What was collected.
        policy: How far the policy moved.
        value: How well the critic knew the returns.
        advantages: Moments of the advantages.
        heads: Head name to its report.
        ops: Choice of the first head to its report.
        alarms: Every alarm that fired, in one sentence each.
    """

    update: int
    steps: int
    rollout: RolloutReport
    policy: PolicyReport
    value: ValueReport
    advantages: AdvantageReport
    heads: Mapping[str, HeadReport]
    ops: Mapping[str, OpReport]
    alarms: tuple[str, ...]
