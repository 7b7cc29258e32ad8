"""What the benchmarks share: the host of digits-canvas, plain and with slots, and seeds in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaTarget,
    Blueprint,
    LifecycleConfig,
    LifecycleOp,
    Style,
    Tempo,
)
from tamiyo.model import TamiyoModel, attach, drawing_from
from tamiyo.tasks import build_host, get_task

if TYPE_CHECKING:
    from torch import nn

TASK = get_task("digits-canvas")
DATA = TASK.load_data()
SEEDED_SLOTS = ("r0c0", "r0c1", "r0c2")
AT_ONCE = LifecycleConfig(incubate=False, ramp=False)
"""Seeds blend at full strength on the epoch after they germinated."""


def build_plain() -> nn.Module:
    """Build the host; always the same weights."""
    with drawing_from(torch.Generator().manual_seed(0)):
        return build_host(TASK.host)


def build_attached() -> TamiyoModel:
    """Build the same host with slots."""
    return attach(
        build_plain(),
        TASK.slots,
        DATA.example,
        generator=torch.Generator().manual_seed(0),
        config=AT_ONCE,
    )


def list_growth_commands() -> list[AdaptationCommand]:
    """List what brings one 3x3 seed each into the three blocks, one command per epoch."""
    return [
        command
        for slot_id in SEEDED_SLOTS
        for command in (
            AdaptationCommand(
                op=LifecycleOp.GERMINATE,
                slot_id=slot_id,
                blueprint=Blueprint.CONV_LIGHT,
                style=Style.LINEAR_ADD,
                tempo=Tempo.FAST,
                alpha_target=AlphaTarget.FULL,
            ),
            AdaptationCommand(op=LifecycleOp.ADVANCE, slot_id=slot_id),
        )
    ]


def wake(model: TamiyoModel) -> None:
    """Give every seed influence, as if it had been trained."""
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in model.seeds.values():
            module.scale.normal_(std=0.3, generator=generator)
