"""Which seeds and fossils are members of which group of an optimizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import nn

from tamiyo.contracts import SeedStage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tamiyo.model import TamiyoModel

__all__ = [
    "Group",
    "Newcomer",
    "Structure",
    "find_newcomers",
    "list_by_nearness",
    "parameters_of",
    "read_structure",
    "refill",
]

Group = dict[str, Any]
"""A parameter group of PyTorch."""

Structure = tuple[tuple[int, bool, int], ...]
"""All that decides who is a member of which group, to compare by."""


@dataclass(frozen=True, kw_only=True)
class Newcomer:
    """A living seed or a fossil among the user's parameters.

    Attributes:
        seed_id: Its name.
        is_committed: Whether it is a fossil.
        parameters: Its parameters.
        names: What they are called in the model.
        home: Index of the group they are members of.
    """

    seed_id: str
    is_committed: bool
    parameters: list[nn.Parameter]
    names: list[str]
    home: int


def read_structure(model: TamiyoModel) -> Structure:
    """Read everything that decides who is a member of which group."""
    return tuple(
        (id(slot.seed), slot.seed.stage == SeedStage.FOSSILIZED, id(slot.seed.module.gate))
        for slot in model.slots.values()
        if slot.seed is not None
    )


def find_newcomers(model: TamiyoModel, homes: Mapping[nn.Parameter, int]) -> list[Newcomer]:
    """List seeds and fossils in the order of the slots.

    Args:
        model: The model.
        homes: Every parameter of the user's to the index of its group.
    """
    owned = model.owned_parameters()
    newcomers = []
    for slot_id, slot in model.slots.items():
        if slot.seed is None:
            continue
        named = dict(slot.seed.module.named_parameters(prefix=f"seeds.{slot_id}"))
        near = list_by_nearness(model.host, slot.path)
        newcomers.append(
            Newcomer(
                seed_id=slot.seed.seed_id,
                is_committed=slot.seed.seed_id not in owned,
                parameters=list(named.values()),
                names=list(named),
                home=next(homes[p] for p in near if p in homes),
            )
        )
    return newcomers


def list_by_nearness(host: nn.Module, path: str) -> list[nn.Parameter]:
    """List the host's parameters: those of a module, those before it backward, those after it."""
    modules, module = list(host.modules()), host.get_submodule(path)
    index = next(index for index, other in enumerate(modules) if other is module)
    before, onward = (
        [parameter for part in parts for parameter in part.parameters(recurse=False)]
        for parts in (modules[:index], modules[index:])
    )
    return [*module.parameters(), *reversed(before), *onward]


def parameters_of(newcomers: Iterable[Newcomer]) -> list[nn.Parameter]:
    """List the parameters of newcomers, in their order."""
    return [parameter for newcomer in newcomers for parameter in newcomer.parameters]


def refill(group: Group, ours: set[nn.Parameter], newcomers: Sequence[Newcomer]) -> None:
    """Leave the user's parameters in a group and put newcomers after them, in place."""
    users = [index for index, parameter in enumerate(group["params"]) if parameter not in ours]
    if "param_names" in group:
        names = [name for newcomer in newcomers for name in newcomer.names]
        group["param_names"][:] = [*(group["param_names"][index] for index in users), *names]
    kept = [group["params"][index] for index in users]
    group["params"][:] = [*kept, *parameters_of(newcomers)]
