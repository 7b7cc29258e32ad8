"""Refusals that need no pass: hosts of a kind that cannot be grown, and slots that name nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import accumulate
from typing import Final

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from tamiyo.contracts import ConfigError, ShapeError, SlotIdError, sort_slot_ids

__all__ = ["check_host", "find_wrapper_refusal", "name_slots"]

_MOST_SUGGESTIONS: Final = 12


def check_host(host: nn.Module) -> None:
    """Refuse a host that cannot be grown, wherever its slots are.

    Raises:
        ConfigError: If it is no module, has no parameters, or holds parameters without numbers.
        ShapeError: If it is wrapped, scripted or compiled.
    """
    if not isinstance(host, nn.Module):
        found = f"the class {host.__name__}" if isinstance(host, type) else type(host).__name__
        message = f"host must be an nn.Module, got {found}: give the network itself, already built"
        raise ConfigError(message)
    refusal = find_wrapper_refusal(host, "")
    if refusal is not None:
        message = f"host {refusal}"
        raise ShapeError(message)
    parameters = dict(host.named_parameters())
    if not parameters:
        message = f"host must have parameters to train, got {type(host).__name__} without any"
        raise ConfigError(message)
    for name, tensor in {**parameters, **dict(host.named_buffers())}.items():
        if is_lazy(tensor):
            message = (
                f"host must know its shapes, got the lazy parameter {name!r}: run one batch "
                "through the host before attaching"
            )
            raise ConfigError(message)
        if tensor.is_meta:
            message = (
                f"host must hold numbers, got {name!r} on the meta device: use "
                "host.to_empty(device=...) and load its weights before attaching"
            )
            raise ConfigError(message)


def find_wrapper_refusal(host: nn.Module, path: str) -> str | None:
    """Say why seeds at ``path`` would not be seen, if something on the way is no plain module.

    Args:
        host: The host.
        path: Path of a module; empty for the host itself.

    Returns:
        What is wrong, in words that follow its name.
    """
    ways = [way for way in accumulate(path.split("."), "{}.{}".format) if way]
    modules = {"": host} | {way: host.get_submodule(way) for way in ways}
    for way, module in modules.items():
        reason = _find_reason(module)
        if reason is not None:
            place = f"{type(module).__name__} at {way!r}" if way else type(module).__name__
            return f"must be a plain module, got {place}: {reason}"
    return None


def _find_reason(module: nn.Module) -> str | None:
    kind = type(module).__name__
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel) or kind in {
        "FullyShardedDataParallel"
    }:
        return "its replicas would not see the seeds; attach the module inside it (.module)"
    if isinstance(module, torch.jit.ScriptModule):
        return "its compiled code would not see the seeds; attach the Python module it came from"
    is_compiled = getattr(module, "_compiled_call_impl", None) is not None
    if kind == "OptimizedModule" or is_compiled:
        return (
            "compiled code would not see the seeds; attach the module before torch.compile, and "
            "compile what detach returns"
        )
    return None


def name_slots(host: nn.Module, slots: Mapping[str, str] | Sequence[str]) -> dict[str, str]:
    """Check slots and give ids to those that have none.

    Args:
        host: The host.
        slots: Slot id to module path, or module paths in the order of the ids they get: ``r0c0``,
            ``r0c1`` and so on.

    Returns:
        Slot id to module path, in the order of the ids.

    Raises:
        SlotIdError: If an id is malformed, there is no slot, a path names no module of the host,
            or two slots name the same module.
    """
    if isinstance(slots, str):
        message = f"slots must be several paths or a mapping of ids to paths, got {slots!r}"
        raise SlotIdError(message)
    if not isinstance(slots, Mapping):
        slots = {f"r0c{column}": path for column, path in enumerate(slots)}
    named = {slot_id: slots[slot_id] for slot_id in sort_slot_ids(slots)}
    modules: dict[str, nn.Module] = dict(host.named_modules(remove_duplicate=False))
    del modules[""]  # the host itself cannot be replaced by what it grew
    taken: dict[nn.Module, str] = {}
    for slot_id, path in named.items():
        if path not in modules:
            raise SlotIdError(_suggest(slot_id, path, list(modules)))
        other = taken.setdefault(modules[path], slot_id)
        if other != slot_id:
            message = (
                f"slots must name different modules, got {named[other]!r} for {other} and "
                f"{path!r} for {slot_id}, which are the same one"
            )
            raise SlotIdError(message)
    return named


def _suggest(slot_id: str, path: str, known: list[str]) -> str:
    close = get_close_matches(str(path), known, n=3) or known[:_MOST_SUGGESTIONS]
    rest = (
        ""
        if len(close) == len(known)
        else f" (of {len(known)} modules, such as host.named_modules() lists)"
    )
    return (
        f"path of slot {slot_id} must be a module of the host, got {path!r}: did you mean one of "
        f"{', '.join(close)}{rest}"
    )
