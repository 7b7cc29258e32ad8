"""Let seeds come and go in a host, and count what they leave behind."""

from __future__ import annotations

import gc
from itertools import cycle, islice
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tamiyo.checks.evidence.records import Cycles
from tamiyo.contracts import (
    AdaptationCommand,
    Blueprint,
    InvariantError,
    LifecycleConfig,
    LifecycleOp,
)
from tamiyo.engine import GrowingOptimizer
from tamiyo.model import TamiyoModel, attach, call_host, drawing_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["run_cycles"]

_LEARNING_RATE = 1e-3
_MOMENTUM = 0.9


def run_cycles(
    host: nn.Module,
    slots: Mapping[str, str] | Sequence[str],
    example: object,
    *,
    count: int,
    seed: int,
) -> Cycles:
    """Plant seeds, train a step with them and prune them again, one after the other.

    Args:
        host: The host; it is changed.
        slots: Its slots.
        example: A batch of inputs.
        count: How many seeds come and go.
        seed: Seed of everything random.
    """
    generator = torch.Generator().manual_seed(seed)
    model = attach(
        host,
        slots,
        example,
        generator=generator,
        config=LifecycleConfig(ramp=False, embargo_epochs_after_prune=0, min_prune_age_epochs=0),
    )
    sgd = torch.optim.SGD(host.parameters(), lr=_LEARNING_RATE, momentum=_MOMENTUM)
    optimizer = GrowingOptimizer(model, sgd)
    strays, moving, dead = 0, list[str](), list[str]()
    before: dict[str, int] = {}
    with drawing_from(generator):
        for number, (slot_id, blueprint) in enumerate(islice(_choose(model), count + 1)):
            bare = _look(model, example)
            _command(model, LifecycleOp.GERMINATE, slot_id, blueprint)
            _command(model, LifecycleOp.ADVANCE, slot_id)
            model.tick()
            name = f"{blueprint.name} in {slot_id}"
            moving += [] if torch.equal(bare, _look(model, example)) else [name]
            _train(model, sgd, example)
            dead += [] if _has_gradient(model.seeds[slot_id]) else [name]
            strays += _count_strays(model, optimizer)
            _command(model, LifecycleOp.PRUNE, slot_id)
            model.tick()
            _train(model, sgd, example)
            strays += _count_strays(model, optimizer)
            if number == 0:  # what is made on first use is there from here on
                before = _count(model, sgd)
        after = _count(model, sgd)
    optimizer.release()
    return Cycles(
        count=count,
        before=before,
        after=after,
        strays=strays,
        moving=tuple(moving),
        dead=tuple(dead),
    )


def _choose(model: TamiyoModel) -> Iterator[tuple[str, Blueprint]]:
    """Yield every blueprint in every slot it fits, over and over."""
    offered = [
        (slot.slot_id, blueprint)
        for slot in model.report().slots
        for blueprint in slot.blueprint_parameters
        if blueprint != Blueprint.NOOP
    ]
    return cycle(offered)


def _command(
    model: TamiyoModel, op: LifecycleOp, slot_id: str, blueprint: Blueprint | None = None
) -> None:
    """Carry out a command that is legal.

    Raises:
        InvariantError: If it was refused.
    """
    outcome = model.apply_command(AdaptationCommand(op=op, slot_id=slot_id, blueprint=blueprint))
    if outcome.refusal is not None:
        message = f"{op.name} must be executed on {slot_id}, got {outcome.refusal}"
        raise InvariantError(message)


def _look(model: TamiyoModel, example: object) -> Tensor:
    """Return the outputs as they are in evaluation."""
    was_training = model.training
    model.eval()
    with torch.no_grad():
        outputs = call_host(model, example)
    model.train(was_training)
    assert isinstance(outputs, Tensor), "a host that can be grown puts out a tensor"
    return outputs


def _has_gradient(module: nn.Module) -> bool:
    """Say whether some parameter was told where to go; at birth that is the scale alone."""
    return any(
        parameter.grad is not None and bool((parameter.grad != 0).any())
        for parameter in module.parameters()
    )


def _train(model: TamiyoModel, optimizer: torch.optim.Optimizer, example: object) -> None:
    outputs = call_host(model, example)
    assert isinstance(outputs, Tensor), "a host that can be grown puts out a tensor"
    optimizer.zero_grad()
    outputs.float().square().mean().backward()
    optimizer.step()


def _count_strays(model: TamiyoModel, optimizer: GrowingOptimizer) -> int:
    """Count trainable parameters that are not in exactly one group, and those of nobody."""
    optimizer.sync()
    held = [id(p) for group in optimizer.optimizer.param_groups for p in group["params"]]
    wanted = {id(p) for p in model.parameters() if p.requires_grad}
    missing = len(wanted - set(held))
    return missing + len(set(held) - wanted) + len(held) - len(set(held))


def _count(model: TamiyoModel, optimizer: torch.optim.Optimizer) -> dict[str, int]:
    gc.collect()
    hooks = sum(
        len(getattr(module, name))
        for module in model.modules()
        for name in ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks")
    )
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "modules": sum(1 for _ in model.modules()),
        "hooks": hooks,
        "parameters in the optimizer": sum(len(g["params"]) for g in optimizer.param_groups),
        "optimizer states": len(optimizer.state),
        "tensors in memory": sum(issubclass(type(held), Tensor) for held in gc.get_objects()),
    }
