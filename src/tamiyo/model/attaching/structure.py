"""What trial passes through a host depend on, so that hosts which share it need them only once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import torch

from tamiyo.model.attaching.calling import list_tensors

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn

__all__ = ["HostStructure", "read_structure"]

_PLAIN: Final = (bool, int, float, str, bytes, Enum, torch.dtype, type(None))
_MODE: Final = "training"


@dataclass(frozen=True)
class HostStructure:
    """A host without its numbers, and what it was run on.

    Two are equal if the hosts have modules of the same types and settings at the same paths,
    parameters and buffers of the same kinds, and examples and mixed precision of the same kind.

    Attributes:
        parts: Name of a module, parameter, buffer or circumstance to what it is.
    """

    parts: Mapping[str, object]

    def find_difference(self, other: HostStructure) -> str | None:
        """Name the first part that differs in another structure; ``None`` if they are equal."""
        names = dict.fromkeys((*self.parts, *other.parts))
        return next((n for n in names if self.parts.get(n) != other.parts.get(n)), None)


def read_structure(host: nn.Module, example: object) -> HostStructure:
    """Read the structure of a host; nothing is run.

    Args:
        host: The host, in any mode.
        example: A batch for it, packed as for :func:`tamiyo.model.call_host`.
    """
    parts: dict[str, object] = {
        f"module {path!r}": (type(module), tuple(_list_settings(module)))
        for path, module in host.named_modules()
    }
    for kind, tensors in (
        ("parameter", host.named_parameters()),
        ("buffer", host.named_buffers()),
    ):
        parts |= {f"{kind} {name!r}": _describe(tensor) for name, tensor in tensors}
    devices = {parameter.device.type for parameter in host.parameters()}
    parts["example"] = tuple(_describe(tensor) for tensor in list_tensors(example))
    parts["mixed precision"] = tuple(
        (device, torch.get_autocast_dtype(device))
        for device in sorted(devices)
        if torch.is_autocast_enabled(device)
    )
    return HostStructure(parts)


def _describe(tensor: Tensor) -> tuple[object, ...]:
    return tuple(tensor.shape), tensor.dtype, tensor.device, tensor.requires_grad


def _list_settings(module: nn.Module) -> Iterator[tuple[str, object]]:
    """List what a module was built with, such as a stride, so far as it is plain."""
    for name, value in vars(module).items():
        if name != _MODE and _is_plain(value):
            yield name, value


def _is_plain(value: object) -> bool:
    if isinstance(value, tuple | list):
        return all(map(_is_plain, value))
    return isinstance(value, _PLAIN)
