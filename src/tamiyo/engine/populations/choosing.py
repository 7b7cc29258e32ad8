"""Choose what trains a population, and say why."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from tamiyo.contracts import ConfigError
from tamiyo.engine.batched import (
    Bank,
    BatchedPopulation,
    Chosen,
    StructureWork,
    as_samples,
    find_unsupported,
    stack_module,
)
from tamiyo.engine.config import EngineKind
from tamiyo.engine.populations.mixed import MixedPopulation
from tamiyo.engine.populations.population import Population, SequentialPopulation
from tamiyo.model import drawing_from, has_hooks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.engine.member import Member

__all__ = ["PopulationChoice", "build_population", "find_obstacle"]

_FEWEST_MEMBERS: Final = 4
"""Environments from which on one network for all pays for every small host that was measured."""

_MOST_MULTIPLY_ADDS: Final = 60_000_000
"""Multiply-adds of a step from which on a host is busy with arithmetic, which batching keeps."""

_TRIAL_SAMPLES: Final = 4
_TOLERANCE: Final = 1e-3


@dataclass(frozen=True, kw_only=True)
class PopulationChoice:
    """A population and why it is of its kind.

    Attributes:
        population: What trains the environments.
        kind: What it is, never ``auto``.
        reason: Why, in one sentence.
    """

    population: Population
    kind: EngineKind
    reason: str


def build_population(members: Sequence[Member], kind: EngineKind) -> PopulationChoice:
    """Bring environments together in a population.

    Args:
        members: The environments; none has trained yet. Where their hosts are of several
            structures, those of each are trained together.
        kind: What is to train them; ``auto`` takes what suits them best.

    Raises:
        ConfigError: If that cannot train them.
    """
    if kind == EngineKind.SEQUENTIAL:
        return _choose(members, EngineKind.SEQUENTIAL, "it was asked for")
    groups = _group_by_structure(members)
    if len(groups) == 1:
        return _choose_alike(members, kind)
    choices = {
        tuple(places): _choose_alike([members[place] for place in places], kind)
        for places in groups
    }
    parts = {places: choice.population for places, choice in choices.items()}
    kinds = {choice.kind for choice in choices.values()}
    reason = next(iter(choices.values())).reason
    return PopulationChoice(
        population=MixedPopulation(parts),
        kind=kinds.pop() if len(kinds) == 1 else EngineKind.BATCHED,
        reason=f"hosts of {len(groups)} structures, each by itself; {reason}",
    )


def _group_by_structure(members: Sequence[Member]) -> list[list[int]]:
    """Group places of members whose hosts are of one structure."""
    groups: list[list[int]] = []
    for place, member in enumerate(members):
        structure = member.model.probes.structure
        for group in groups:
            if members[group[0]].model.probes.structure.find_difference(structure) is None:
                group.append(place)
                break
        else:
            groups.append([place])
    return groups


def _choose_alike(members: Sequence[Member], kind: EngineKind) -> PopulationChoice:
    """Bring environments with hosts of one structure together.

    Raises:
        ConfigError: If the engine that was asked for cannot train them.
    """
    if kind == EngineKind.AUTO and len(members) < _FEWEST_MEMBERS:
        reason = f"fewer than {_FEWEST_MEMBERS} environments gain nothing from batching"
        return _choose(members, EngineKind.SEQUENTIAL, reason)
    obstacle = find_obstacle(members)
    if kind == EngineKind.BATCHED:
        if obstacle is not None:
            message = f"engine must be auto or sequential here, got batched: {obstacle}"
            raise ConfigError(message)
        return _choose(members, EngineKind.BATCHED, "it was asked for")
    if obstacle is not None:
        return _choose(members, EngineKind.SEQUENTIAL, f"batching is not possible: {obstacle}")
    work = _measure_step(members[0])
    if work is not None and work <= _MOST_MULTIPLY_ADDS:
        reason = f"a step of {work / 1e6:.3g} million multiply-adds is mostly overhead alone"
        return _choose(members, EngineKind.BATCHED, reason)
    size = "unknown size" if work is None else f"{work / 1e6:.3g} million multiply-adds"
    return _choose(members, EngineKind.SEQUENTIAL, f"a step of {size} gains little from batching")


def find_obstacle(members: Sequence[Member]) -> str | None:
    """Say why environments cannot be trained as one network; ``None`` if they can.

    Args:
        members: The environments; they stay as they are.
    """
    first = members[0]
    for member in members:
        obstacle = _find_difference(first, member) or _find_own_obstacle(member)
        if obstacle is not None:
            return obstacle
    inputs, targets = next(iter(first.data.control))
    if not isinstance(inputs, Tensor) or not isinstance(targets, Tensor):
        return f"inputs and targets must be tensors, got {type(inputs).__name__}"
    return _try_out(first.model.host, inputs[:_TRIAL_SAMPLES])


def _choose(members: Sequence[Member], kind: EngineKind, reason: str) -> PopulationChoice:
    build = BatchedPopulation if kind == EngineKind.BATCHED else SequentialPopulation
    return PopulationChoice(population=build(members), kind=kind, reason=reason)


def _find_difference(one: Member, other: Member) -> str | None:
    """Say what two environments do not share that a population shares."""
    shared = ("control", "test", "objective", "batch_size", "batches_per_epoch")
    for name in shared if one.data is not other.data else ():
        if getattr(one.data, name, None) != getattr(other.data, name, None):
            return f"environments must share {name} of their data, got several"
    difference = one.model.probes.structure.find_difference(other.model.probes.structure)
    if difference is not None:
        return f"hosts must be of one structure, got a different {difference}"
    slots = [{slot.path for slot in member.model.slots.values()} for member in (one, other)]
    if slots[0] != slots[1]:
        return "hosts must have the same slots, got different ones"
    groups = [
        [
            {name: value for name, value in group.items() if name not in {"params", "lr"}}
            for group in member.trainee.optimizer.param_groups
        ]
        for member in (one, other)
    ]
    if type(one.trainee.optimizer) is not type(other.trainee.optimizer) or groups[0] != groups[1]:
        return "optimizers must be of one kind with the same settings, got different ones"
    return None


def _find_own_obstacle(member: Member) -> str | None:
    """Say what about one environment cannot be batched."""
    host, optimizer = member.model.host, member.trainee.optimizer
    tensors = [*host.parameters(), *(b for b in host.buffers() if b.is_floating_point())]
    kinds = {(str(tensor.dtype), str(tensor.device)) for tensor in tensors}
    if len(kinds) > 1 or any(tensor.dtype != torch.float32 for tensor in tensors):
        return f"all numbers of a host must be float32 on one device, got {sorted(kinds)}"
    if any(has_hooks(module) for module in host.modules()):
        return "modules of a host must have no hooks, got some"
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    if held != {id(p) for p in host.parameters() if p.requires_grad}:
        return "optimizer must hold all parameters of the host that are trained, and no others"
    if optimizer.state or member.model.epoch > 1:
        return "environments must not have trained yet, got one that has"
    return find_unsupported(optimizer)


def _try_out(host: nn.Module, inputs: Tensor) -> str | None:
    """Run two copies of a host as one network and compare with each by itself."""
    copies = [copy.deepcopy(host) for _ in range(2)]
    batches = [inputs, _change(inputs)]
    bank = Bank(copies[0])
    try:
        network = stack_module(copies[0], bank)
        for position, own in enumerate(copies):
            bank.add(position, own)
        for is_training in (False, True):
            obstacle = _compare(network.train(is_training), bank, copies, batches)
            if obstacle is not None:
                return obstacle
    except (RuntimeError, TypeError, ValueError, AttributeError, IndexError) as error:
        return f"the host does not run on several environments' samples at once ({error})"
    return None


@torch.no_grad()
def _compare(
    network: nn.Module, bank: Bank, copies: Sequence[nn.Module], batches: Sequence[Tensor]
) -> str | None:
    alone = []
    for position, (own, batch) in enumerate(zip(copies, batches, strict=True)):
        own.train(network.training)
        with drawing_from(torch.Generator().manual_seed(position)):
            alone.append(own(batch))
    generators = tuple(torch.Generator().manual_seed(position) for position in range(len(copies)))
    noise = torch.Generator()
    before = noise.get_state()
    with drawing_from(noise), bank.choosing(Chosen(generators=generators)):
        together = as_samples(network(torch.cat(list(batches))))
    if not torch.equal(noise.get_state(), before):
        return "the host draws random numbers in code of its own"
    if not torch.allclose(together, torch.cat(alone), rtol=_TOLERANCE, atol=_TOLERANCE):
        return "the host lets samples of a batch meet in code of its own"
    return None


def _change(inputs: Tensor) -> Tensor:
    """Return other inputs of the same kind."""
    turned = inputs.flip(-1)
    return turned * 0.5 if turned.is_floating_point() else turned


def _measure_step(member: Member) -> float | None:
    """Count the multiply-adds of a training step of a host without seeds."""
    inputs, targets = next(iter(member.data.control))
    batch: tuple[Any, Any] = inputs[:_TRIAL_SAMPLES], targets[:_TRIAL_SAMPLES]
    member.model.train()
    per_sample = StructureWork(member.data.objective).per_sample(member.model, batch)
    if per_sample is None:
        return None
    samples = getattr(member.data, "batch_size", len(targets))
    return per_sample * samples
