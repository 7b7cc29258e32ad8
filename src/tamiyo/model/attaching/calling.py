"""How a host is called, and the tensors in what goes in and comes out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import cast

from torch import Tensor, nn

__all__ = ["call_host", "list_tensors", "map_tensors", "unpack"]


def call_host(host: nn.Module, inputs: object) -> object:
    """Call a host with packed inputs.

    Args:
        host: A host, a model on one, or a network detached from one.
        inputs: A tuple or a list for positional arguments, a mapping for keyword arguments;
            anything else, named tuples too, is the single argument. A host whose one argument is a
            list or a tuple gets it in a tuple of its own, ``(items,)``.

    Returns:
        Whatever the host returns.

    >>> import torch
    >>> call_host(nn.Bilinear(2, 3, 1), (torch.ones(4, 2), torch.ones(4, 3))).shape
    torch.Size([4, 1])
    """
    args, kwargs = unpack(inputs)
    return host(*args, **kwargs)


def unpack(inputs: object) -> tuple[tuple[object, ...], dict[str, object]]:
    """Split packed inputs into positional and keyword arguments; see :func:`call_host`."""
    # A DataLoader makes a list of every tuple. A named one, as PackedSequence is, is one argument.
    if type(inputs) in {tuple, list}:
        return tuple(cast("Sequence[object]", inputs)), {}
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    return (inputs,), {}


def map_tensors(value: object, change: Callable[[Tensor], Tensor]) -> object:
    """Copy packed inputs with every tensor in tuples, lists and mappings changed."""
    if isinstance(value, Tensor):
        return change(value)
    if isinstance(value, Mapping):
        return {key: map_tensors(item, change) for key, item in value.items()}
    if type(value) is tuple:
        return tuple(map_tensors(item, change) for item in value)
    if type(value) is list:
        return [map_tensors(item, change) for item in value]
    return value


def list_tensors(value: object) -> list[Tensor]:
    """List the tensors in a host's inputs or outputs, in their order.

    Looks into tuples, lists, mappings, dataclasses and the attributes of any other object. Nested
    tensors, which have no shape, are left out.
    """
    return list(_walk(value, set()))


def _walk(value: object, seen: set[int]) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        if not value.is_nested:
            yield value
    elif id(value) not in seen:
        seen.add(id(value))
        for item in _list_parts(value):
            yield from _walk(item, seen)


def _list_parts(value: object) -> list[object]:
    if isinstance(value, Mapping):
        return list(value.values())
    if isinstance(value, tuple | list):
        return list(value)
    if is_dataclass(value):
        return [getattr(value, item.name) for item in fields(value)]
    return list(getattr(value, "__dict__", {}).values())
