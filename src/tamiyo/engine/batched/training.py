"""One training epoch of a population: :func:`tamiyo.engine.epoch.train_epoch` for all at once."""

from __future__ import annotations

from itertools import repeat
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from tamiyo.contracts import AlphaAlgorithm, InvariantError, SeedStage
from tamiyo.engine.batched.judging import compute_losses, compute_values
from tamiyo.engine.batched.layers import split
from tamiyo.engine.batched.optimizers import RowTerms
from tamiyo.engine.epoch import TrainingResult, read_norms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tamiyo.engine.batched.bank import Bank
    from tamiyo.engine.batched.layers import Features
    from tamiyo.engine.batched.network import StackedNetwork
    from tamiyo.engine.batched.optimizers import RowOptimizer, RowPlan
    from tamiyo.engine.batched.work import StructureWork
    from tamiyo.engine.epoch import GradientReading
    from tamiyo.engine.member import Member

__all__ = ["train_members"]

_NORM_MARGIN: Final = 1e-6
"""What PyTorch adds to a norm before it divides by it."""


def train_members(
    network: StackedNetwork,
    members: Sequence[Member],
    optimizer: RowOptimizer,
    work: StructureWork,
) -> list[TrainingResult]:
    """Train one epoch of every environment.

    Args:
        network: Their networks, in step with their structure.
        members: The environments.
        optimizer: What steps them.
        work: What a step of each structure costs.

    Returns:
        One result per environment.
    """
    network.train(is_training=True)
    epoch = _Epoch(network, members, optimizer, work)
    for inputs, targets in _zip_batches(members):
        epoch.train(inputs, targets)
    return epoch.finish()


class _Epoch:
    """What one epoch needs to know, planned once, and what it sums up."""

    def __init__(
        self,
        network: StackedNetwork,
        members: Sequence[Member],
        optimizer: RowOptimizer,
        work: StructureWork,
    ) -> None:
        self._network = network
        self._members = members
        self._work = work
        self._costs: list[float | None] = []
        self._objective = members[0].data.objective
        self._blends = network.plan()
        self._plans = [optimizer.plan(bank, terms) for bank, terms in _plan_terms(network, members)]
        self._incubating = _find_incubating(network, members)
        self._losses: Tensor | float = 0.0
        self._values: Tensor | float = 0.0
        self._samples = self._valued = self._steps = 0

    def train(self, inputs: Tensor, targets: Tensor) -> None:
        """Train one step on a batch of every environment, [E * B, ...]."""
        count = len(self._members)
        if not self._costs:
            self._costs = self._measure(inputs, targets)
        outputs, captured = self._network.run(
            inputs,
            self._blends,
            generators=tuple(member.generators["layers"] for member in self._members),
            capture=tuple(self._incubating),
        )
        losses = compute_losses(self._objective, outputs, targets, count)
        self._backpropagate(losses, is_first=True)
        for slot_id, environments in self._incubating.items():
            self._train_shadow(slot_id, environments, captured[slot_id], inputs, targets)
        if self._members[0].max_gradient_norm is not None:
            self._clip(self._members[0].max_gradient_norm)
        for plan in self._plans:
            plan.run()
        samples = len(targets) // count
        for member, cost in zip(self._members, self._costs, strict=True):
            member.work.add(cost, samples)
            member.optimizer.steps += 1
        self._samples += samples
        self._steps += 1
        self._losses = self._losses + losses.detach() * samples
        values = compute_values(self._objective, outputs, targets, count)
        if values is not None:
            self._values = self._values + values.sum(dim=1)
            self._valued += values.shape[1]

    def finish(self) -> list[TrainingResult]:
        """Return what the epoch gave each environment."""
        count = len(self._members)
        losses = torch.as_tensor(self._losses).expand(count).tolist()
        values = torch.as_tensor(self._values).expand(count).tolist()
        gradients = _read_gradients(self._network, self._members, self._plans)
        return [
            TrainingResult(
                loss=loss / self._samples,
                value=value / self._valued if self._valued else None,
                steps=self._steps,
                gradients=own,
            )
            for loss, value, own in zip(losses, values, gradients, strict=True)
        ]

    def _backpropagate(self, losses: Tensor, *, is_first: bool) -> None:
        """Give every bank that learns its gradients of the losses."""
        leaves = [plan.bank.leaves() for plan in self._plans]
        wanted = [leaf for own in leaves for leaf in own]
        found: Iterator[Tensor | None] = repeat(None)
        if losses.requires_grad:
            found = iter(torch.autograd.grad(losses.sum(), wanted, allow_unused=True))
        for plan, own in zip(self._plans, leaves, strict=True):
            plan.bank.take_gradients([next(found) for _ in own], is_first=is_first)

    def _clip(self, limit: float) -> None:
        """Cut the gradient of every host and every seed, each by itself."""
        learning = {id(plan.bank) for plan in self._plans}
        owners = [[self._network.hosts]]
        owners += [
            [group.bank for group in seeds.groups() if id(group.bank) in learning]
            for seeds in self._network.seeds.values()
        ]
        for banks in owners:
            if banks:
                _clip_rows(banks, len(self._members), limit)

    def _measure(self, inputs: Tensor, targets: Tensor) -> list[float | None]:
        """Return what a step costs each environment per sample."""
        count = len(self._members)
        batches = zip(inputs.chunk(count), targets.chunk(count), strict=True)
        return [
            self._work.per_sample(member.model, batch)
            for member, batch in zip(self._members, batches, strict=True)
        ]

    def _train_shadow(
        self,
        slot_id: str,
        environments: Sequence[int],
        features: Features,
        inputs: Tensor,
        targets: Tensor,
    ) -> None:
        """Add the gradients that incubating seeds get from the loss they would cause."""
        count = len(self._members)

        def choose(samples: Tensor) -> Tensor:
            return split(samples, count)[list(environments)].flatten(0, 1)

        outputs = self._network.resume(
            choose(inputs),
            slot_id,
            features,
            environments,
            generators=tuple(self._members[e].generators["shadow"] for e in environments),
        )
        losses = compute_losses(self._objective, outputs, choose(targets), len(environments))
        self._backpropagate(losses, is_first=False)


def _clip_rows(banks: Sequence[Bank], environments: int, limit: float) -> None:
    """Cut gradients whose rows, one in each of some banks, belong together."""
    keys = [torch.tensor(bank.keys, device=bank.device) for bank in banks]
    squares = banks[0].gradients.new_zeros(environments)
    for bank, own in zip(banks, keys, strict=True):
        squares.index_add_(0, own, bank.gradients[: len(bank)].square().sum(dim=1))
    factors = (limit / (squares.sqrt() + _NORM_MARGIN)).clamp(max=1)
    for bank, own in zip(banks, keys, strict=True):
        bank.gradients[: len(bank)] *= factors[own].unsqueeze(1)


def _zip_batches(members: Sequence[Member]) -> Iterator[tuple[Tensor, Tensor]]:
    """Put the batches of all environments one behind the other, step by step.

    Raises:
        InvariantError: If they are not of one size.
    """
    streams = [member.data.train_batches(member.generators["data"]) for member in members]
    for batches in zip(*streams, strict=True):
        inputs, targets = zip(*batches, strict=True)
        if len({len(one) for one in targets}) > 1:
            message = f"batches must be of one size, got {sorted({len(one) for one in targets})}"
            raise InvariantError(message)
        yield torch.cat(inputs), torch.cat(targets)


def _find_incubating(network: StackedNetwork, members: Sequence[Member]) -> dict[str, list[int]]:
    """Group the environments with incubating seeds by the first slot that has one."""
    found: dict[str, list[int]] = {}
    for environment, member in enumerate(members):
        shadows = member.model.shadow_overrides()
        first = next((slot_id for slot_id in network.order if slot_id in shadows), None)
        if first is not None:
            found.setdefault(first, []).append(environment)
    return found


def _plan_terms(
    network: StackedNetwork, members: Sequence[Member]
) -> Iterator[tuple[Bank, RowTerms]]:
    """Plan which rows of which banks are stepped, and on what terms."""
    yield network.hosts, _make_terms(network.hosts, members, range(len(members)), "")
    for slot_id, seeds in network.seeds.items():
        for group in seeds.groups():
            rows = [
                row
                for row, environment in enumerate(group.bank.keys)
                if _learns(members[environment], slot_id, is_gate=group is seeds.gates)
            ]
            if rows:
                yield group.bank, _make_terms(group.bank, members, rows, slot_id)


def _learns(member: Member, slot_id: str, *, is_gate: bool) -> bool:
    """Say whether a seed, or its gate, gets gradients in this epoch."""
    weights = member.model.shadow_overrides().get(slot_id) or member.model.slots[slot_id].weights
    if not is_gate:
        return bool(weights)
    return any(style.algorithm == AlphaAlgorithm.GATE for style, _ in weights)


def _make_terms(
    bank: Bank, members: Sequence[Member], rows: Sequence[int], slot_id: str
) -> RowTerms:
    """Read the terms of rows from the environments' optimizers; no slot stands for hosts."""
    rates, decays = [], []
    for row in rows:
        member = members[bank.keys[row]]
        group = member.trainee.optimizer.param_groups[0]
        rates.append(group["lr"] * (_seed_factor(member, slot_id) if slot_id else 1))
        decays.append(group.get("weight_decay", 0))
    return RowTerms(rows=list(rows), rates=rates, decays=decays)


def _seed_factor(member: Member, slot_id: str) -> float:
    is_fossil = member.model.slots[slot_id].stage == SeedStage.FOSSILIZED
    return 1.0 if is_fossil else member.optimizer.seed_factor


def _read_gradients(
    network: StackedNetwork, members: Sequence[Member], plans: Sequence[RowPlan]
) -> list[dict[str, GradientReading]]:
    """Read the gradients that the last step left on every seed that is not committed."""
    slots = {
        id(group.bank): slot_id
        for slot_id, seeds in network.seeds.items()
        for group in seeds.groups()
    }
    norms: dict[tuple[int, str], list[Tensor]] = {}
    for plan in plans:
        bank = plan.bank
        slot_id = slots.get(id(bank))
        if slot_id is None:
            continue
        of_rows = bank.compute_gradient_norms()
        for row in plan.rows:
            if members[bank.keys[row]].model.slots[slot_id].stage != SeedStage.FOSSILIZED:
                norms.setdefault((bank.keys[row], slot_id), []).append(of_rows[row])
    readings: list[dict[str, GradientReading]] = [{} for _ in members]
    for (environment, slot_id), parts in norms.items():
        readings[environment][slot_id] = read_norms(torch.cat(parts))
    return readings
