"""Price of the engine: one epoch, training and validation, against a plain PyTorch loop.

Same host, same canvases, same fused Adam, same validation of the network on the control split.
Without seeds, and with 3 live 3x3 seeds that the plain loop composes by hand. There the plain loop
also evaluates the seven counterfactuals, sharing what they have in common as the engine does: what
is compared is the engine's bookkeeping, not its work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from support.setting import (
    AT_ONCE,
    DATA,
    SEEDED_SLOTS,
    TASK,
    build_attached,
    build_plain,
    list_growth_commands,
)
from support.timing import Comparison, compare, run
from torch import Tensor, nn
from torch.nn import functional as F

from tamiyo.contracts import Blueprint, NullSink, SeedStream
from tamiyo.engine import EngineConfig, Member, build_task_trainee
from tamiyo.model import drawing_from
from tamiyo.model.blueprints import build_seed_module

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_AT_MOST = 1.15


def main() -> None:
    """Measure and print."""
    run(__doc__ or "", measure, repetitions=12)


def measure(repetitions: int) -> list[Comparison]:
    """Compare without and with seeds."""
    return [
        compare(
            "epoch without seeds, engine against loop",
            build_engine_epoch(with_seeds=False),
            build_plain_epoch(with_seeds=False),
            repetitions=repetitions,
            at_most=_AT_MOST,
        ),
        compare(
            "epoch with 3 live seeds, engine against loop",
            build_engine_epoch(with_seeds=True),
            build_plain_epoch(with_seeds=True),
            repetitions=repetitions,
            at_most=_AT_MOST,
        ),
    ]


def build_engine_epoch(*, with_seeds: bool) -> Callable[[], object]:
    """Prepare one environment, grown if asked, and return what trains one epoch of it."""
    member = Member(
        TASK.config,
        DATA,
        TASK.slots,
        lambda: build_task_trainee(build_plain(), TASK.config),
        engine=EngineConfig(lifecycle=AT_ONCE),
        seeds=SeedStream(run_seed=0),
        environment=0,
        sink=NullSink(),
    )
    for command in list_growth_commands() if with_seeds else []:
        member.step(command)
    return lambda: member.step(None)


def build_seeds() -> dict[str, nn.Module]:
    """Build body and scale of a 3x3 seed for each slot."""
    slots = build_attached().slots
    with drawing_from(torch.Generator().manual_seed(0)):
        return {
            slot_id: build_seed_module(Blueprint.CONV_LIGHT, slots[slot_id].shape, gated=False)
            for slot_id in SEEDED_SLOTS
        }


def build_plain_epoch(*, with_seeds: bool) -> Callable[[], object]:
    """Prepare host, seeds and Adam, and return what trains and validates one epoch of them."""
    seeds = build_seeds() if with_seeds else {}
    host = build_plain()
    paths = {path: seeds[slot_id] for slot_id, path in TASK.slots.items() if slot_id in seeds}
    stages = [(stage, paths.get(name)) for name, stage in host.named_children()]
    everything = nn.ModuleList([host, *seeds.values()])
    adam = torch.optim.Adam(everything.parameters(), lr=TASK.config.learning_rate, fused=True)
    generator = torch.Generator().manual_seed(0)

    def epoch() -> tuple[float, float, list[tuple[float, float]]]:
        everything.train()
        loss_sum, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for inputs, targets in DATA.train_batches(generator):
            adam.zero_grad()
            outputs = inputs
            for stage, seed in stages:
                outputs = stage(outputs)
                if seed is not None:
                    outputs = outputs + seed(outputs)
            loss = F.cross_entropy(outputs, targets)
            loss.backward()
            adam.step()
            loss_sum += loss.detach() * len(targets)
            right += (outputs.argmax(dim=1) == targets).sum()
        everything.eval()
        return float(loss_sum), float(right), validate_by_hand(stages)

    return epoch


@torch.no_grad()
def validate_by_hand(
    stages: Sequence[tuple[nn.Module, nn.Module | None]],
) -> list[tuple[float, float]]:
    """Evaluate every combination of seeds; a tree with one branching per seed."""
    control, parts = DATA.control, []
    for inputs, targets in zip(control.inputs.split(512), control.targets.split(512), strict=True):
        branches = [inputs]
        for stage, seed in stages:
            branches = [stage(features) for features in branches]
            if seed is not None:
                branches = [
                    b for features in branches for b in (features, features + seed(features))
                ]
        parts.append([judge(outputs, targets) for outputs in branches])
    return [
        (
            float(torch.cat([p[0] for p in variant]).double().mean()),
            float(torch.cat([p[1] for p in variant]).double().mean()),
        )
        for variant in zip(*parts, strict=True)
    ]


def judge(outputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Judge each sample: right or not, and its loss."""
    return outputs.argmax(dim=1) == targets, F.cross_entropy(outputs, targets, reduction="none")


if __name__ == "__main__":
    main()
