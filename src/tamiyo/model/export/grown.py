"""The committed network as a plain module: a host whose slots' modules carry their fossils."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tamiyo.contracts import AlphaAlgorithm, Blueprint, ConfigError, SeedStage, Style
from tamiyo.model.blueprints import SlotShape, build_seed_module, name_algorithm
from tamiyo.model.host import TamiyoModel
from tamiyo.model.modules import grow_module
from tamiyo.model.randomness import drawing_from

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch
    from torch import nn

    from tamiyo.model.modules import SeedModule

__all__ = ["Fossil", "detach", "graft", "list_fossils", "order_for_growth"]


@dataclass(frozen=True, kw_only=True)
class Fossil:
    """What was committed in one slot: all that is needed to build it again.

    Attributes:
        slot_id: The slot.
        path: Path of the host's module whose output it works on.
        seed_id: Name the seed had in the run.
        blueprint: What it is built from.
        style: How it is composed.
        alpha: Its influence, in (0, 1].
        shape: Shape of the features it works on, and dtype of its parameters.
    """

    slot_id: str
    path: str
    seed_id: str
    blueprint: Blueprint
    style: Style
    alpha: float
    shape: SlotShape


def list_fossils(model: TamiyoModel) -> tuple[Fossil, ...]:
    """List what has been committed in a model, in the order of its slots."""
    return tuple(
        Fossil(
            slot_id=slot.slot_id,
            path=slot.path,
            seed_id=slot.seed.seed_id,
            blueprint=slot.seed.blueprint,
            style=slot.seed.schedule.style,
            alpha=slot.seed.schedule.alpha,
            # The model may have been cast since its slots were probed.
            shape=replace(slot.shape, dtype=slot.seed.module.scale.dtype),
        )
        for slot in model.slots.values()
        if slot.seed is not None and slot.seed.stage == SeedStage.FOSSILIZED
    )


def detach(model: TamiyoModel) -> nn.Module:
    """Copy the committed network out of a model.

    Uncommitted seeds are left out; the model is not changed.

    Returns:
        A plain module: the host's code with a ``GrownModule`` wherever a seed was committed.

    Raises:
        ConfigError: If ``model`` is no model.
    """
    if not isinstance(model, TamiyoModel):
        message = (
            f"model must be a TamiyoModel, as attach returns, got {type(model).__name__}: what was "
            "detached or grown already is the network itself"
        )
        raise ConfigError(message)
    network = copy.deepcopy(model.host)
    modules = {
        slot_id: copy.deepcopy(slot.seed.module)
        for slot_id, slot in model.slots.items()
        if slot.seed is not None
    }
    for fossil in order_for_growth(list_fossils(model)):
        _wrap(network, fossil, modules[fossil.slot_id])
    return network


def graft(host: nn.Module, fossils: Iterable[Fossil], generator: torch.Generator) -> nn.Module:
    """Build a structure from scratch: fresh seeds of the fossils' kind put into a host.

    Args:
        host: The host; it is changed and returned.
        fossils: What to build.
        generator: Owned generator the seeds' initial weights are drawn from.

    Returns:
        The network; at birth it computes what the host computes.
    """
    for fossil in order_for_growth(fossils):
        gated = fossil.style.algorithm == AlphaAlgorithm.GATE
        with drawing_from(generator):
            module = build_seed_module(fossil.blueprint, fossil.shape, gated=gated)
        _wrap(host, fossil, module)
    return host


def order_for_growth(fossils: Iterable[Fossil]) -> list[Fossil]:
    """Order fossils from the deepest on, so that putting one in does not move another's path."""
    return sorted(fossils, key=lambda fossil: (-fossil.path.count("."), fossil.path))


def _wrap(network: nn.Module, fossil: Fossil, module: SeedModule) -> None:
    grow_module(network, fossil.path, module, name_algorithm(fossil.style.algorithm), fossil.alpha)
