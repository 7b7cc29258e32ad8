"""The seeds of one slot in many environments, grouped by blueprint, and their learned gates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import nn

from tamiyo.engine.batched.bank import Bank
from tamiyo.engine.batched.layers import stack_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from tamiyo.contracts import Blueprint
    from tamiyo.engine.member import Member
    from tamiyo.model import SeedModule

__all__ = ["SeedGroup", "SlotSeeds"]


class SeedGroup:
    """Modules of one kind in one slot: the bodies of a blueprint, or the gates.

    Args:
        template: One of them; only read.
        path: Path of the part that maps features; the whole module if empty.

    Attributes:
        bank: Their rows; the key of a row is the position of its environment.
        network: What runs them.
    """

    def __init__(self, template: nn.Module, path: str = "") -> None:
        self.bank = Bank(template)
        self.network = stack_module(template.get_submodule(path), self.bank, path)


class SlotSeeds:
    """Every seed in one slot.

    Args:
        slot_id: The slot.
        device: Where the networks are.
    """

    def __init__(self, slot_id: str, device: torch.device) -> None:
        self.slot_id = slot_id
        self.device = device
        self.bodies: dict[Blueprint, SeedGroup] = {}
        self.gates: SeedGroup | None = None
        self._planted: dict[int, tuple[str, Blueprint]] = {}
        self._gated: dict[int, nn.Module] = {}

    def sync(self, members: Sequence[Member]) -> None:
        """Take in what germinated and let go what is gone."""
        for position, member in enumerate(members):
            seed = member.model.slots[self.slot_id].seed
            now = None if seed is None else (seed.seed_id, seed.blueprint)
            before = self._planted.get(position)
            gate = None if seed is None else seed.module.gate
            if self._gated.get(position) is not gate:
                self._replace_gate(position, gate)
            if before == now:
                continue
            if before is not None:
                self.bodies[before[1]].bank.remove(position)
                del self._planted[position]
            if seed is not None:
                body = _Body(seed.module)
                if seed.blueprint not in self.bodies:
                    self.bodies[seed.blueprint] = SeedGroup(body, "body")
                self.bodies[seed.blueprint].bank.add(position, body)
                self._planted[position] = (seed.seed_id, seed.blueprint)

    def groups(self) -> Iterator[SeedGroup]:
        """Go through the groups of bodies, then of gates."""
        yield from self.bodies.values()
        if self.gates is not None:
            yield self.gates

    def _replace_gate(self, position: int, gate: nn.Module | None) -> None:
        if position in self._gated and self.gates is not None:
            self.gates.bank.remove(position)
            del self._gated[position]
        if gate is not None:
            if self.gates is None:
                self.gates = SeedGroup(gate)
            self.gates.bank.add(position, gate)
            self._gated[position] = gate


class _Body(nn.Module):
    """A seed without its gate, which comes and goes: body and scale."""

    def __init__(self, seed: SeedModule) -> None:
        super().__init__()
        self.body = seed.body
        self.scale = seed.scale
