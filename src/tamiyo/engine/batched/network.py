"""StackedNetwork: the hosts of a population with all their seeds, run as one network."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tamiyo.engine.batched.bank import Bank, Chosen
from tamiyo.engine.batched.blending import Blend, plan_blend
from tamiyo.engine.batched.layers import (
    Features,
    as_samples,
    find_stacked_path,
    join,
    repeat,
    split,
    stack_module,
)
from tamiyo.engine.batched.seeds import SlotSeeds
from tamiyo.engine.batched.variants import VariantTable
from tamiyo.model import Site, map_names, tapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tamiyo.engine.member import Member
    from tamiyo.model import Overrides, Weights

__all__ = ["StackedNetwork"]


class StackedNetwork:
    """Runs the networks of many environments at once.

    Args:
        members: The environments; hosts of one structure with the same slots.

    Attributes:
        hosts: The rows of the hosts, in the order of the members.
        seeds: Slot id to the seeds in that slot.
        order: Slot ids in the order a pass meets them.
        shares_prefix: Whether variants share what they have in common.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self._members = members
        first = members[0].model
        self.order = first.execution.order
        self.shares_prefix = first.execution.shares_prefix
        self.hosts = Bank(first.host)
        paths = {path for slot in first.slots.values() for path in map_names(first.host)[slot.path]}
        self._host = stack_module(first.host, self.hosts, watched=paths)
        for position, member in enumerate(members):
            self.hosts.add(position, member.model.host)
        device = self.hosts.device
        self.seeds = {slot_id: SlotSeeds(slot_id, device) for slot_id in self.order}
        names = map_names(self._host)
        self._sites = {
            slot_id: Site(
                self._host, names[find_stacked_path(self._host, first.slots[slot_id].path)]
            )
            for slot_id in self.order
        }
        self._slots = {slot.path: slot_id for slot_id, slot in first.slots.items()}
        self.sync()

    def sync(self) -> None:
        """Take in what germinated in the members and let go what is gone."""
        for seeds in self.seeds.values():
            seeds.sync(self._members)

    def banks(self) -> Iterator[Bank]:
        """Go through all banks."""
        yield self.hosts
        for seeds in self.seeds.values():
            yield from (group.bank for group in seeds.groups())

    def forget(self, position: int) -> None:
        """Forget what the optimizer knows of an environment."""
        for bank in self.banks():
            if position in bank.keys:
                bank.forget(position)

    def plan(self) -> dict[str, Blend]:
        """Plan the pass that runs every network as it is."""
        everyone = range(len(self._members))
        return {
            slot_id: plan_blend(seeds, everyone, [self._weights(e, slot_id) for e in everyone])
            for slot_id, seeds in self.seeds.items()
        }

    def train(self, *, is_training: bool) -> None:
        """Put hosts and seeds into the mode."""
        self._host.train(is_training)
        for seeds in self.seeds.values():
            for group in seeds.groups():
                group.network.train(is_training)

    def run(
        self,
        inputs: Tensor,
        blends: Mapping[str, Blend],
        *,
        generators: tuple[torch.Generator, ...],
        capture: Sequence[str] = (),
    ) -> tuple[Tensor, dict[str, Features]]:
        """Run every network as it is.

        Args:
            inputs: Samples of all environments, [E * B, ...].
            blends: What :meth:`plan` returned.
            generators: What each environment's layers draw from.
            capture: Slots whose features, before their seeds, are wanted as well.

        Returns:
            Outputs [E * B, ...], and slot id to captured features of all networks.
        """
        captured: dict[str, Features] = {}

        def visit(slot_id: str, features: Features) -> Features:
            if slot_id in capture:
                captured[slot_id] = features
            return blends[slot_id].apply(features)

        with self.hosts.choosing(Chosen(generators=generators)), self._visiting(visit):
            outputs = self._host(inputs)
        return as_samples(outputs), captured

    def resume(
        self,
        inputs: Tensor,
        slot_id: str,
        features: Features,
        environments: Sequence[int],
        *,
        generators: tuple[torch.Generator, ...],
    ) -> Tensor:
        """Run some networks from a slot onward, hosts fixed, incubating seeds as they are meant.

        Args:
            inputs: What the features came from, [R * B, ...].
            slot_id: Slot at which to start.
            features: Its features in all networks, before the seeds.
            environments: Environment of each network; each has an incubating seed.
            generators: What each of these networks draws from.
        """
        overrides = [self._members[e].model.shadow_overrides() for e in environments]
        chosen = list(environments)
        apart = split(features, len(self._members)).detach()[chosen]
        start = join(apart, features)

        def visit(visited: str, current: Features) -> Features:
            weights = [
                own.get(visited, self._weights(e, visited))
                for e, own in zip(environments, overrides, strict=True)
            ]
            learning = frozenset(
                e for e, own in zip(environments, overrides, strict=True) if visited in own
            )
            blend = plan_blend(self.seeds[visited], environments, weights, learning=learning)
            return blend.apply(start if visited == slot_id else current)

        rows = torch.tensor(chosen, device=inputs.device)
        with self.hosts.choosing(Chosen(rows=rows, is_fixed=True, generators=generators)):
            if self.shares_prefix:
                outputs: Tensor = as_samples(self._run_children(visit, start, first=slot_id))
            else:
                with self._visiting(visit):
                    outputs = as_samples(self._host(inputs))
        return outputs

    def run_variants(self, inputs: Tensor, variants: Sequence[Sequence[Overrides]]) -> Tensor:
        """Run every variant of every network on the same samples.

        Args:
            inputs: Samples that all networks are shown, [B, ...].
            variants: For each environment its variants, each slot id to weights to use instead of
                the slot's own.

        Returns:
            Outputs of the variants, environment by environment, [V, B, ...].
        """
        table = VariantTable(variants, is_shared=self.shares_prefix)

        def visit(slot_id: str, features: Features) -> Features:
            count = len(table.environments)
            parents, weights = table.branch(slot_id, self._weights)
            if parents is not None:
                features = join(split(features, count)[parents], features)
                self.hosts.switch(self._choose(table.environments))
            return plan_blend(self.seeds[slot_id], table.environments, weights).apply(features)

        repeated = repeat(inputs, len(table.environments))
        with self.hosts.choosing(self._choose(table.environments)), self._visiting(visit):
            outputs = as_samples(self._host(repeated))
        apart: Tensor = outputs.view(-1, len(inputs), *outputs.shape[1:])
        return apart[table.places()]

    def _weights(self, environment: int, slot_id: str) -> Weights:
        return self._members[environment].model.slots[slot_id].weights

    def _choose(self, environments: Sequence[int]) -> Chosen:
        if list(environments) == list(range(len(self._members))):
            return Chosen()
        return Chosen(rows=torch.tensor(environments, device=self.hosts.device))

    @contextmanager
    def _visiting(self, visit: Callable[[str, Features], Features]) -> Iterator[None]:
        taps = [(site, partial(visit, slot_id)) for slot_id, site in self._sites.items()]
        with tapping(taps):
            yield

    def _run_children(
        self, visit: Callable[[str, Features], Features], features: Features, *, first: str
    ) -> Features:
        """Run the children of a host that is a sequence of them, from a slot onward."""
        current, has_begun = features, False
        for name, child in self._host._modules.items():  # noqa: SLF001  # one child may stand twice
            slot_id = self._slots.get(name)
            if has_begun and child is not None:
                current = child(current)
            has_begun = has_begun or slot_id == first
            if has_begun and slot_id is not None:
                current = visit(slot_id, current)
        return current
