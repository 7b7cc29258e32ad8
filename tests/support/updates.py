"""What updates of a learned controller report."""

from __future__ import annotations

from dataclasses import replace

from tamiyo.contracts import (
    AdvantageReport,
    HeadReport,
    OpReport,
    PolicyReport,
    RolloutReport,
    UpdateReport,
    ValueReport,
)

__all__ = ["build_update"]

ROLLOUT = RolloutReport(
    transitions=1600,
    episodes=64,
    episode_return=1.5,
    episode_length=25.0,
    reward_raw=0.06,
    reward_normalized=0.03,
    forced_fraction=0.1,
    saturated={},
)
POLICY = PolicyReport(
    loss=-0.01,
    entropy_bonus=0.02,
    kl=0.01,
    clip_fraction=0.1,
    ratio_lowest=0.7,
    ratio_highest=1.4,
    gradient_norm=0.4,
    gradient_clip_fraction=0.2,
    learning_rate=1e-3,
    inner_epochs=4,
    optimizer_steps=8,
    stopped_by_kl=False,
)
VALUE = ValueReport(
    loss=0.5,
    explained_variance=0.6,
    mean=0.4,
    mean_return=0.5,
    std_return=0.9,
    absolute_error=0.3,
)
ADVANTAGES = AdvantageReport(
    count=1600, mean=0.01, std=0.8, skewness=0.1, kurtosis=0.5, positive_fraction=0.5
)
OP = HeadReport(
    used_fraction=1.0,
    entropy=0.8,
    conditional_entropy={},
    ratio_lowest=0.8,
    ratio_highest=1.2,
    clip_fraction=0.05,
    gradient_norm=0.1,
)
UNUSED = HeadReport(
    used_fraction=0.0,
    entropy=None,
    conditional_entropy={"GERMINATE": 0.9},
    ratio_lowest=None,
    ratio_highest=None,
    clip_fraction=None,
    gradient_norm=0.0,
)


def build_update(**changes) -> UpdateReport:
    """Build the report of an ordinary update: two heads, one of them never used."""
    report = UpdateReport(
        update=1,
        steps=1600,
        rollout=ROLLOUT,
        policy=POLICY,
        value=VALUE,
        advantages=ADVANTAGES,
        heads={"op": OP, "blueprint": UNUSED},
        ops={"WAIT": OpReport(count=1600, legal=1600, advantage=0.01, value_error=0.02)},
        alarms=(),
    )
    return replace(report, **changes)
