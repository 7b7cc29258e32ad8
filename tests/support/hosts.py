"""Tiny hosts, models on them, and what drives a seed through its life."""

from __future__ import annotations

import torch
from torch import nn

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    CurveChoice,
    LifecycleConfig,
    LifecycleOp,
    PairedDifference,
    SeedStage,
    Style,
    Tempo,
)
from tamiyo.model import SeedMeasurement, attach, drawing_from

__all__ = [
    "CLASSES",
    "CONV_BLUEPRINTS",
    "SLOTS",
    "Listener",
    "Wrapped",
    "advance",
    "build_batch",
    "build_host",
    "build_model",
    "build_retarget",
    "build_seeded",
    "finish",
    "fossilize",
    "germinate",
    "gradients_of",
    "measure",
    "pass_epoch",
    "prune",
    "state_of",
    "walk_to",
]

CLASSES = 3
SLOTS = {"r0c0": "2", "r0c1": "5"}
CONV_BLUEPRINTS = (
    Blueprint.CONV_LIGHT,
    Blueprint.ATTENTION,
    Blueprint.NORM,
    Blueprint.DEPTHWISE,
    Blueprint.BOTTLENECK,
    Blueprint.CONV_SMALL,
    Blueprint.CONV_HEAVY,
)
"""The blueprints whose bodies for a convolutional slot are made for maps."""


class Listener:
    """A sink that keeps what it is told."""

    def __init__(self):
        self.events = []

    def emit(self, event):
        self.events.append(event)


class Wrapped(nn.Module):
    """A host that cannot be cut into segments, since only it knows how its parts are run."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, inputs):
        return self.net(inputs)


def build_seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def build_host(*, seed=0, channels=4, wrap=False, inplace=False):
    """Two blocks of convolution, BatchNorm and ReLU on [B, 1, 8, 8], then a linear classifier."""

    def block(inputs):
        convolution = nn.Conv2d(inputs, channels, 3, padding=1, bias=False)
        return convolution, nn.BatchNorm2d(channels), nn.ReLU(inplace=inplace)

    with drawing_from(build_seeded(seed)):
        head = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, CLASSES))
        net = nn.Sequential(*block(1), *block(channels), *head)
    return Wrapped(net) if wrap else net


def build_model(host=None, *, slots=None, wrap=False, seed=0, **options):
    """A model on a tiny host with two slots, whose seeds incubate unless a config says otherwise.

    The slots of a wrapped host are its net's.
    """
    options = {"config": LifecycleConfig(incubate=True)} | options
    host = build_host(seed=seed, wrap=wrap) if host is None else host
    if slots is None:
        prefix = "net." if isinstance(host, Wrapped) else ""
        slots = {slot_id: prefix + path for slot_id, path in SLOTS.items()}
    options = {"generator": build_seeded(seed + 1)} | options
    return attach(host, slots, build_batch()[0], **options)


def build_batch(size=6, seed=5):
    generator = build_seeded(seed)
    inputs = torch.randn(size, 1, 8, 8, generator=generator)
    return inputs, torch.randint(CLASSES, (size,), generator=generator)


def measure(points=5.0, *, error=0.5, gain=0.1, health=1.0, norm=1.0):
    """Everything that can be measured about a seed; all gates pass on it."""
    return SeedMeasurement(
        contribution=PairedDifference(
            points=points, points_error=error, loss=points / 100, loss_error=0.01
        ),
        shadow_gain=PairedDifference(points=1.0, points_error=0.5, loss=gain, loss_error=0.01),
        gradient_norm=norm,
        gradient_health=health,
    )


def germinate(
    model,
    slot_id="r0c0",
    *,
    blueprint=Blueprint.NORM,
    style=Style.SIGMOID_ADD,
    tempo=Tempo.FAST,
    target=AlphaTarget.FULL,
):
    return model.apply_command(
        AdaptationCommand(
            op=LifecycleOp.GERMINATE,
            slot_id=slot_id,
            blueprint=blueprint,
            style=style,
            tempo=tempo,
            alpha_target=target,
        )
    )


def advance(model, slot_id="r0c0"):
    return model.apply_command(AdaptationCommand(op=LifecycleOp.ADVANCE, slot_id=slot_id))


def fossilize(model, slot_id="r0c0", reason=""):
    return model.apply_command(
        AdaptationCommand(op=LifecycleOp.FOSSILIZE, slot_id=slot_id, reason=reason)
    )


def prune(model, slot_id="r0c0", *, speed=AlphaSpeed.INSTANT, curve=CurveChoice.LINEAR):
    return model.apply_command(
        AdaptationCommand(
            op=LifecycleOp.PRUNE, slot_id=slot_id, alpha_speed=speed, alpha_curve=curve
        )
    )


def build_retarget(
    slot_id="r0c0",
    *,
    style=Style.SIGMOID_ADD,
    target=AlphaTarget.HALF,
    speed=AlphaSpeed.FAST,
    curve=CurveChoice.LINEAR,
):
    return AdaptationCommand(
        op=LifecycleOp.SET_ALPHA_TARGET,
        slot_id=slot_id,
        style=style,
        alpha_target=target,
        alpha_speed=speed,
        alpha_curve=curve,
    )


def finish(model, measured=None, *, accuracy=50.0):
    """End an epoch in which every seed was measured, by default so well that all gates pass."""
    model.finish_epoch(
        {slot_id: measured or measure() for slot_id in model.slots}, control_accuracy=accuracy
    )


def pass_epoch(model, measured=None, *, accuracy=50.0):
    """Let the rest of a step pass after its command: the tick, training, validation."""
    model.tick()
    finish(model, measured, accuracy=accuracy)


def walk_to(model, stage, slot_id="r0c0", **germination):
    """Plant a seed and lead it to a stage; in BLENDING and after, its first ramp is over."""
    germinate(model, slot_id, **germination)
    pass_epoch(model)
    while model.slots[slot_id].stage != stage:
        seed = model.slots[slot_id].seed
        if seed.stage == SeedStage.HOLDING:
            assert fossilize(model, slot_id).executed
        else:
            assert advance(model, slot_id).executed
        pass_epoch(model)
        while model.report().slot(slot_id).seed.alpha.mode != 0:
            pass_epoch(model)
    pass_epoch(model)


def state_of(model):
    """All tensors of a model as bytes, its report, and the seeds in its slots."""
    tensors = {name: t.detach().numpy().tobytes() for name, t in model.state_dict().items()}
    return tensors, model.report(), {s: id(slot.seed) for s, slot in model.slots.items()}


def gradients_of(module):
    return [0.0 if p.grad is None else float(p.grad.abs().sum()) for p in module.parameters()]
