"""Find out what a host's slots look like by running one batch through it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tamiyo.contracts import ShapeError, SlotIdError
from tamiyo.model.blueprints import SlotShape
from tamiyo.model.randomness import drawing_from, preserving_buffers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["probe_slots"]


def probe_slots(host: nn.Module, paths: Mapping[str, str], example: Tensor) -> dict[str, SlotShape]:
    """Run ``example`` through the host and read the shape of every slot.

    The host is run in evaluation mode without gradients; its mode and buffers and the global
    generator are put back.

    Args:
        host: The host.
        paths: Slot id to module path.
        example: A batch for the host.

    Returns:
        Slot id to shape, in the order in which the pass met the slots.

    Raises:
        SlotIdError: If a path names no module of the host, or two slots name the same one.
        ShapeError: If a slot's output is no tensor seeds can work on, or its module did not run
            exactly once.
    """
    modules = {slot_id: _find(host, slot_id, path) for slot_id, path in paths.items()}
    if len({id(module) for module in modules.values()}) != len(modules):
        message = f"slots must name different modules, got {dict(paths)}"
        raise SlotIdError(message)
    seen: list[tuple[str, object]] = []
    handles = [
        module.register_forward_hook(_note(seen, slot_id)) for slot_id, module in modules.items()
    ]
    modes = {module: module.training for module in host.modules()}
    try:
        with torch.no_grad(), preserving_buffers(host), drawing_from(torch.Generator()):
            host.eval()(example)
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes.items():
            module.training = training
    return _read_shapes(seen, paths)


def _find(host: nn.Module, slot_id: str, path: str) -> nn.Module:
    modules: dict[str, nn.Module] = dict(host.named_modules(remove_duplicate=False))
    del modules[""]  # the host itself cannot be replaced by what it grew
    if path not in modules:
        known = ", ".join(modules)
        message = f"path of slot {slot_id} must be a module of the host ({known}), got {path!r}"
        raise SlotIdError(message)
    return modules[path]


def _note(
    seen: list[tuple[str, object]], slot_id: str
) -> Callable[[nn.Module, object, object], None]:
    def note(_module: nn.Module, _inputs: object, output: object) -> None:
        seen.append((slot_id, output))

    return note


def _read_shapes(seen: list[tuple[str, object]], paths: Mapping[str, str]) -> dict[str, SlotShape]:
    shapes: dict[str, SlotShape] = {}
    for slot_id, output in seen:
        if slot_id in shapes:
            message = f"module of slot {slot_id} must run once per pass, got a second run"
            raise ShapeError(message)
        if not isinstance(output, Tensor):
            message = f"output of slot {slot_id} must be one tensor, got {type(output).__name__}"
            raise ShapeError(message)
        shapes[slot_id] = SlotShape.of(output, slot_id=slot_id)
    for slot_id, path in paths.items():
        if slot_id not in shapes:
            message = f"module of slot {slot_id} must run in every pass, got no run of {path!r}"
            raise ShapeError(message)
    return shapes
