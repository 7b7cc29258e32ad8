"""Find out what a host's slots look like, or why a module can be no slot."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from tamiyo.contracts import ShapeError
from tamiyo.model.attaching.influence import find_gradient_refusals, find_wrapping_refusals
from tamiyo.model.attaching.observing import observe
from tamiyo.model.attaching.outputs import find_output_refusal
from tamiyo.model.attaching.refusals import check_host, find_wrapper_refusal, name_slots
from tamiyo.model.attaching.sequences import SequenceFlow, find_batch_refusals, measure_flows
from tamiyo.model.attaching.structure import HostStructure, read_structure
from tamiyo.model.attaching.trial import Trial
from tamiyo.model.blueprints import SlotShape

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from tamiyo.model.attaching.observing import Observation

__all__ = ["Finding", "SlotProbe", "SlotProbes", "examine", "probe_slots"]

_SEQUENCE_AXES: Final = 3
_SWAPPED: Final = (
    "must have the batch on axis 0, got samples that influence each other along it and none along "
    "axis 1: use batch_first=True, or transpose"
)


@dataclass(frozen=True, kw_only=True)
class SlotProbe:
    """What was found about a slot.

    Attributes:
        path: Path of its module.
        shape: Shape of the features there.
        device: Device they were on.
        beside: Name of the parameter that seeds follow in device and dtype: the last one of the
            features' kind that was used before them; ``None`` if there is none.
    """

    path: str
    shape: SlotShape
    device: torch.device
    beside: str | None

    def locate(self, host: nn.Module) -> tuple[torch.device, torch.dtype]:
        """Return the device and the dtype that a seed must have here now."""
        if self.beside is None:
            return self.device, self.shape.dtype
        parameter = host.get_parameter(self.beside)
        return parameter.device, parameter.dtype


@dataclass(frozen=True, kw_only=True)
class SlotProbes:
    """What was found about all slots of a host; it holds for every host of the same structure.

    Attributes:
        found: Slot id to what was found, in the order in which the pass met the slots.
        structure: What the host looked like.
    """

    found: Mapping[str, SlotProbe]
    structure: HostStructure

    def check(self, host: nn.Module, example: object) -> None:
        """Refuse another host than those that it holds for.

        Args:
            host: The host, examined without a pass.
            example: A batch for it.

        Raises:
            ConfigError: If it is a host that no slots can be put into.
            ShapeError: If its structure is another one, or it is wrapped or compiled.
        """
        check_host(host)
        difference = self.structure.find_difference(read_structure(host, example))
        if difference is not None:
            message = (
                "slots must have been probed in a host of the same structure, got another "
                f"{difference}: give their paths instead"
            )
            raise ShapeError(message)
        _check_wrappers(host, {slot_id: probe.path for slot_id, probe in self.found.items()})


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a module can be.

    Attributes:
        probe: The slot it can be; ``None`` if it can be none.
        refusal: What it would have to be, in words that follow its name; empty if it can be a slot.
        index: Its first run in the order of the pass; -1 if it did not run.
    """

    probe: SlotProbe | None
    refusal: str
    index: int


def probe_slots(
    host: nn.Module, slots: Mapping[str, str] | Sequence[str], example: object
) -> SlotProbes:
    """Examine the slots of a host with trial passes on copies of it; the host is not changed.

    Args:
        host: The host.
        slots: Slot id to module path, or paths alone; see :func:`tamiyo.model.attach`.
        example: A batch for the host.

    Raises:
        ShapeError: If the host cannot be grown, does not take the example, or the output of a
            slot's module is nothing that seeds can work on and be trained behind.
    """
    check_host(host)
    named = name_slots(host, slots)
    _check_wrappers(host, named)
    first_names = {module: path for path, module in host.named_modules()}
    paths = {slot_id: first_names[host.get_submodule(path)] for slot_id, path in named.items()}
    trial = Trial(host, example)
    findings = examine(trial, observe(trial), list(paths.values()))
    probes: dict[int, tuple[str, SlotProbe]] = {}
    for slot_id, path in paths.items():
        finding = findings[path]
        if finding.probe is None:
            message = f"slot {slot_id} ({named[slot_id]!r}) {finding.refusal}"
            raise ShapeError(message)
        probes[finding.index] = (slot_id, finding.probe)
    return SlotProbes(
        found={slot_id: probe for _, (slot_id, probe) in sorted(probes.items())},
        structure=read_structure(host, example),
    )


def _check_wrappers(host: nn.Module, named: Mapping[str, str]) -> None:
    """Refuse slots whose seeds would not be seen.

    Raises:
        ShapeError: If something on the way to one is no plain module.
    """
    for slot_id, path in named.items():
        refusal = find_wrapper_refusal(host, path)
        if refusal is not None:
            message = f"slot {slot_id} ({path!r}) {refusal}"
            raise ShapeError(message)


def examine(trial: Trial, observation: Observation, paths: Sequence[str]) -> dict[str, Finding]:
    """Find out which modules can be slots.

    Args:
        trial: Runs the host.
        observation: A watched pass of it.
        paths: First names of modules.

    Returns:
        Path to finding.
    """
    found = {path: find_output_refusal(observation, path) for path in paths}
    refusals = {path: refusal for path, refusal in found.items() if refusal is not None}
    shapes = {path: observation.first(path).shape or () for path in paths if path not in refusals}
    refusals |= find_batch_refusals(trial, shapes)
    for find in (find_wrapping_refusals, find_gradient_refusals):
        refusals |= find(trial, [path for path in shapes if path not in refusals])
    flows = _measure_flows(trial, {p: shape for p, shape in shapes.items() if p not in refusals})
    refusals |= {path: _SWAPPED for path, flow in flows.items() if flow.has_batch_second}
    causal = {path for path, flow in flows.items() if flow.is_causal}
    return {
        path: Finding(
            probe=None
            if path in refusals
            else _build_probe(trial.host, observation, path, is_causal=path in causal),
            refusal=refusals.get(path, ""),
            index=next(iter(observation.find(path)), -1),
        )
        for path in paths
    }


def _measure_flows(trial: Trial, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, SequenceFlow]:
    sequences = [path for path, shape in shapes.items() if len(shape) == _SEQUENCE_AXES]
    return measure_flows(trial, trial.run_and_read(sequences)) if sequences else {}


def _build_probe(
    host: nn.Module, observation: Observation, path: str, *, is_causal: bool
) -> SlotProbe:
    sighting = observation.first(path)
    device = sighting.device or torch.device("cpu")
    # Under autocast features say nothing about what the host's parameters are.
    is_mixed = torch.is_autocast_enabled(device.type)
    beside = None
    for name in observation.list_parameters(path):
        parameter = host.get_parameter(name)
        if parameter.device == device and (is_mixed or parameter.dtype == sighting.dtype):
            beside = name
            break
    dtype = host.get_parameter(beside).dtype if is_mixed and beside else sighting.dtype
    features = torch.empty(sighting.shape or (), dtype=dtype, device="meta")
    shape = SlotShape.of(features, slot_id=path, is_causal=is_causal)
    return SlotProbe(path=path, shape=shape, device=device, beside=beside)
