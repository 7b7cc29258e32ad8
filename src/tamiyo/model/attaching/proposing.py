"""Describe a host's modules and propose slots in it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from torch import nn

from tamiyo.contracts import ConfigError, ShapeError
from tamiyo.model.attaching.observing import Observation, observe
from tamiyo.model.attaching.probing import Finding, examine
from tamiyo.model.attaching.refusals import check_host, find_wrapper_refusal
from tamiyo.model.attaching.trial import Trial
from tamiyo.model.blueprints import Topology
from tamiyo.model.modules import StandIn

__all__ = ["ModuleReport", "describe_host", "propose_slots"]

_DEFAULT_COUNT: Final = 3
_MOST_REASONS: Final = 2
_NORMALIZERS: Final = (
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.GroupNorm,
    nn.InstanceNorm1d,
    nn.InstanceNorm2d,
    nn.LayerNorm,
    nn.RMSNorm,
)


@dataclass(frozen=True, kw_only=True)
class ModuleReport:
    """One module of a host, as a place for a slot.

    Attributes:
        path: Its path, the first of its names.
        type_name: Name of its class.
        parameters: Trainable parameters in it.
        output_shape: Shape of what it puts out for the example; ``None`` if that is no tensor or it
            does not run.
        topology: What the axes mean to a seed; ``None`` if it can be no slot.
        refusal: Why it can be no slot, in words that follow its name; ``None`` if it can.
        proposed_slot: Slot id :func:`propose_slots` gives it by default; ``None`` if it does not.
    """

    path: str
    type_name: str
    parameters: int
    output_shape: tuple[int, ...] | None
    topology: Topology | None
    refusal: str | None
    proposed_slot: str | None

    @property
    def is_proposed(self) -> bool:
        """Whether :func:`propose_slots` names it by default."""
        return self.proposed_slot is not None


def describe_host(host: nn.Module, example: object) -> tuple[ModuleReport, ...]:
    """Describe every module of a host as a place for a slot.

    Args:
        host: The host; it is not changed.
        example: A batch for it, packed as for ``call_host``.

    Returns:
        One report per module but the host itself, in the order of ``host.named_modules()``.

    Raises:
        ConfigError: If the host is one that cannot be grown or does not take the example.
    """
    survey = _survey(host, example)
    proposed = {path: slot for slot, path in _choose(survey, _DEFAULT_COUNT).items()}
    return tuple(
        ModuleReport(
            path=path,
            type_name=type(host.get_submodule(path)).__name__,
            parameters=sum(
                p.numel() for p in host.get_submodule(path).parameters() if p.requires_grad
            ),
            output_shape=survey.observation.first(path).shape if finding.index >= 0 else None,
            topology=None if finding.probe is None else finding.probe.shape.topology,
            refusal=finding.refusal or None,
            proposed_slot=proposed.get(path),
        )
        for path, finding in survey.findings.items()
    )


def propose_slots(
    host: nn.Module, example: object, *, count: int = _DEFAULT_COUNT
) -> dict[str, str]:
    """Propose places for slots: ends of the host's stages, evenly spread over its depth.

    Of seeds that have grown in the host already, the place behind them may be proposed again.

    Args:
        host: The host; it is not changed.
        example: A batch for it, packed as for ``call_host``.
        count: Slots wanted, at least 1; there are fewer where the host has fewer places.

    Returns:
        Slot id to module path, in the order of the pass, as :func:`tamiyo.model.attach` takes it.

    Raises:
        ConfigError: If ``count`` is less than 1, or the host is one that cannot be grown or does
            not take the example.
        ShapeError: If no module of the host can be a slot.
    """
    if count < 1:
        message = f"count must be at least 1, got {count}"
        raise ConfigError(message)
    survey = _survey(host, example)
    chosen = _choose(survey, count)
    if not chosen:
        raise ShapeError(_explain(survey))
    return chosen


@dataclass(frozen=True)
class _Survey:
    """A host, a watched pass of it, and what each of its modules can be."""

    host: nn.Module
    observation: Observation
    findings: Mapping[str, Finding]

    def work(self, path: str) -> int:
        """Return how much of the host's parametric work is done where a module ends."""
        return self.observation.first(path).work


def _survey(host: nn.Module, example: object) -> _Survey:
    check_host(host)
    trial = Trial(host, example)
    observation = observe(trial)
    paths = [path for path, _ in host.named_modules() if path]
    wrapped = {path: find_wrapper_refusal(host, path) for path in paths}
    findings = examine(trial, observation, [path for path in paths if wrapped[path] is None])
    return _Survey(
        host,
        observation,
        {
            path: findings[path]
            if refusal is None
            else Finding(probe=None, refusal=refusal, index=-1)
            for path, refusal in wrapped.items()
        },
    )


def _explain(survey: _Survey) -> str:
    refused = [f"{path!r} {f.refusal}" for path, f in survey.findings.items() if f.refusal]
    some = "; ".join(refused[:_MOST_REASONS]) or "no module with parametric work behind it"
    return f"host must have a module that can be a slot, got none: {some}"


def _choose(survey: _Survey, count: int) -> dict[str, str]:
    """Choose slots from the stages, or from what they are made of where there are too few."""
    ends = _list_ends(survey)
    stages = [path for path in ends if _is_compound(survey, path)]
    pool = _outermost(stages)
    opened: set[str] = set()
    while len(pool) < count:
        closed = [path for path in pool if path not in opened and _inside(path, ends)]
        if not closed:
            pool = sorted({*pool, *_outermost(ends)}, key=survey.work)
            break
        largest = max(closed, key=lambda path: len(_inside(path, ends)))
        opened.add(largest)
        inner = _outermost(_inside(largest, stages)) or _inside(largest, ends)
        pool = sorted({*pool, *inner}, key=survey.work)
    chosen = _spread(pool, survey, count)
    return {f"r0c{column}": path for column, path in enumerate(chosen)}


def _list_ends(survey: _Survey) -> list[str]:
    """List what can be slots, one per amount of parametric work: the last, hence outermost one."""
    last: dict[int, list[str]] = {}
    order = sorted(survey.findings, key=lambda path: survey.findings[path].index)
    for path in order:
        if survey.findings[path].probe is not None and not _is_in_growth(survey.host, path):
            sighting = survey.observation.first(path)
            if 0 < sighting.work < survey.observation.work and not sighting.is_final:
                last.setdefault(sighting.work, []).append(path)
    ends = [max(paths, key=lambda path: _rank(survey, path)) for paths in last.values()]
    return [path for path in ends if not _is_normalized_next(survey, path)] or ends


def _rank(survey: _Survey, path: str) -> tuple[int, bool, bool, int]:
    """Rank places after the same work: maps before vectors and pooled ones, stages, the last."""
    shape = survey.observation.first(path).shape or ()
    is_spread = math.prod(shape[2:]) > 1
    return len(shape), is_spread, _is_compound(survey, path), survey.findings[path].index


def _is_normalized_next(survey: _Survey, path: str) -> bool:
    """Say whether a layer's normalizer is still to come."""
    if _is_compound(survey, path):
        return False
    work = survey.work(path)
    following = next(run for run in survey.observation.sightings if run.work == work + 1)
    is_norm = isinstance(survey.host.get_submodule(following.path), _NORMALIZERS)
    return is_norm and following.shape == survey.observation.first(path).shape


def _is_compound(survey: _Survey, path: str) -> bool:
    module = survey.host.get_submodule(path)
    while isinstance(module, StandIn):
        module = module.host_module
    return any(module.children())


def _is_in_growth(host: nn.Module, path: str) -> bool:
    """Say whether a module belongs to earlier growth, which is one place as a whole.

    What an earlier seed consists of does, and the module right before it.
    """
    names = path.split(".")
    parents = [host.get_submodule(".".join(names[:depth])) for depth in range(len(names))]
    return any(
        names[depth] != "host_module" or depth + 1 == len(names)
        for depth, parent in enumerate(parents)
        if isinstance(parent, StandIn)
    )


def _outermost(paths: Sequence[str]) -> list[str]:
    return [path for path in paths if not any(path in _inside(other, paths) for other in paths)]


def _inside(path: str, paths: Sequence[str]) -> list[str]:
    return [other for other in paths if other.startswith(f"{path}.")]


def _spread(pool: Sequence[str], survey: _Survey, count: int) -> list[str]:
    """Choose the last place and, evenly over the work before it, others."""
    chosen: list[str] = []
    end = len(pool)
    for rank in range(min(count, len(pool)), 0, -1):
        wanted = survey.work(pool[-1]) * rank / min(count, len(pool))
        end = min(range(rank - 1, end), key=lambda index: abs(survey.work(pool[index]) - wanted))
        chosen.append(pool[end])
    return chosen[::-1]
