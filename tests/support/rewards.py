"""Steps of one environment, for meters of rewards."""

from __future__ import annotations

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    LifecycleOp,
    SeedStage,
    Style,
    Tempo,
)
from tamiyo.rewards import PaidStep, RewardConfig, RewardMeter, RewardPreset
from tests.support.reports import (
    build_alpha_report,
    build_epoch_report,
    build_gain,
    build_host_report,
    build_seed_report,
    build_slot_report,
)
from tests.support.tasks import TINY

__all__ = ["FREE_HOST", "SHAPED", "WAIT", "build_meter", "command", "germinate", "host", "step"]

WAIT = AdaptationCommand()
SHAPED = RewardConfig.preset(RewardPreset.SHAPED)
FREE_HOST = build_host_report()


def build_meter(config=SHAPED, *, gamma=1.0, task=TINY):
    return RewardMeter(config, task, gamma=gamma, host=FREE_HOST)


def host(
    stage=None,
    *,
    points=None,
    alpha=1.0,
    target=1.0,
    steps=0,
    blueprint=Blueprint.CONV_LIGHT,
    seed_id="r0c0-1",
):
    """A host with one slot; with a stage it holds a seed that contributes so much."""
    if stage is None or stage not in SeedStage or stage in {SeedStage.PRUNED, SeedStage.EMBARGOED}:
        return build_host_report(build_slot_report("r0c0", stage))
    seed = build_seed_report(
        seed_id=seed_id,
        blueprint=blueprint,
        contribution=None if points is None else build_gain(points),
        alpha=build_alpha_report(alpha=alpha, target=target, steps_total=steps),
    )
    return build_host_report(build_slot_report("r0c0", stage, seed=seed))


def step(
    before=FREE_HOST,
    decided=WAIT,
    after=FREE_HOST,
    *,
    accuracy=50.0,
    twin=50.0,
    ending=None,
    epoch=1,
    interactions=(),
):
    """One step; by default nothing is decided and nothing is gained."""
    measured = build_epoch_report(epoch, control_accuracy=accuracy, interactions=interactions)
    return PaidStep(
        before=before,
        command=decided,
        after=after,
        measured=measured,
        twin_points=twin,
        ending=ending,
    )


def germinate(
    blueprint=Blueprint.CONV_LIGHT, target=AlphaTarget.FULL, tempo=Tempo.STANDARD, slot="r0c0"
):
    return AdaptationCommand(
        op=LifecycleOp.GERMINATE,
        slot_id=slot,
        blueprint=blueprint,
        style=Style.SIGMOID_ADD,
        tempo=tempo,
        alpha_target=target,
    )


def command(op, *, speed=AlphaSpeed.INSTANT, slot="r0c0", **fields):
    return AdaptationCommand(op=op, slot_id=slot, alpha_speed=speed, **fields)
