"""HostRecipe: a host as a name and plain values, so that records and exports can carry it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, get_type_hints

from tamiyo.contracts import ConfigError, UnknownNameError
from tamiyo.tasks.hosts.cnn import build_cnn
from tamiyo.tasks.hosts.gpt import build_gpt
from tamiyo.tasks.hosts.mlp import build_mlp

if TYPE_CHECKING:
    from torch import nn

__all__ = ["HostRecipe", "build_host", "list_hosts", "read_width", "widen_recipe"]

_BUILDERS: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
    {"cnn": build_cnn, "gpt": build_gpt, "mlp": build_mlp}
)
_WIDTHS: Mapping[str, str] = MappingProxyType(
    {"cnn": "channels", "gpt": "head_width", "mlp": "width"}
)


_LARGEST = 1 << 17
"""Largest whole number among the arguments: a vocabulary fits."""


@dataclass(frozen=True, kw_only=True)
class HostRecipe:
    """How to build a host.

    Attributes:
        name: Name in the host registry, for example ``"cnn"``.
        arguments: Keyword arguments of its builder.
    """

    name: str
    arguments: Mapping[str, int | float | str | bool]


def list_hosts() -> tuple[str, ...]:
    """Return the names of the hosts that can be built, sorted."""
    return tuple(sorted(_BUILDERS))


def build_host(recipe: HostRecipe) -> nn.Module:
    """Build the host of a recipe.

    Weights are drawn from PyTorch's global generator, as its initializers know no other: callers
    wrap the call so that the draws come from a generator they own.

    Args:
        recipe: Name and arguments.

    Returns:
        A fresh module in training mode, on the CPU, float32.

    Raises:
        UnknownNameError: If no host has this name.
        ConfigError: If an argument is unknown, missing, of the wrong type or out of range.

    >>> recipe = HostRecipe(name="cnn", arguments={"channels": 2, "blocks": 2, "num_classes": 10})
    >>> build_host(recipe).get_submodule("pool")
    AdaptiveAvgPool2d(output_size=2)
    """
    return _find_builder(recipe)(**recipe.arguments)


def read_width(recipe: HostRecipe) -> int:
    """Return the argument that makes a host wider: ``channels``, ``head_width`` or ``width``.

    Args:
        recipe: Name and arguments.

    Raises:
        UnknownNameError: If no host has this name.
        ConfigError: If an argument is unknown, missing or of the wrong type.

    >>> read_width(HostRecipe(name="cnn", arguments={"channels": 2, "blocks": 2, "num_classes": 9}))
    2
    """
    _find_builder(recipe)
    return int(recipe.arguments[_WIDTHS[recipe.name]])


def widen_recipe(recipe: HostRecipe, width: int) -> HostRecipe:
    """Return the same host at another width.

    Args:
        recipe: Name and arguments.
        width: The new value of the argument that :func:`read_width` reads.

    Raises:
        UnknownNameError: If no host has this name.
        ConfigError: If an argument is unknown, missing or of the wrong type.
    """
    _find_builder(recipe)
    return replace(recipe, arguments={**recipe.arguments, _WIDTHS[recipe.name]: width})


def _find_builder(recipe: HostRecipe) -> Callable[..., nn.Module]:
    """Return the builder of a host after a look at the arguments it is to be called with.

    Raises:
        UnknownNameError: If no host has this name.
    """
    if recipe.name not in _BUILDERS:
        raise UnknownNameError("host", recipe.name, list(list_hosts()))
    builder = _BUILDERS[recipe.name]
    _check_arguments(recipe, builder)
    return builder


def _check_arguments(recipe: HostRecipe, builder: Callable[..., nn.Module]) -> None:
    parameters = inspect.signature(builder).parameters
    hints = get_type_hints(builder)
    for name, value in recipe.arguments.items():
        if name not in parameters:
            known = ", ".join(parameters)
            message = f"arguments of host {recipe.name} must be among {known}, got {name!r}"
            raise ConfigError(message)
        if type(value) is not hints[name]:
            expected = hints[name].__name__
            message = f"{name} of host {recipe.name} must be of type {expected}, got {value!r}"
            raise ConfigError(message)
        if isinstance(value, int) and value > _LARGEST:
            message = f"{name} of host {recipe.name} must be at most {_LARGEST}, got {value}"
            raise ConfigError(message)
    required = {
        key for key, value in parameters.items() if value.default is inspect.Parameter.empty
    }
    missing = sorted(required - set(recipe.arguments))
    if missing:
        given = ", ".join(recipe.arguments) or "none"
        message = f"arguments of host {recipe.name} must include {', '.join(missing)}, got {given}"
        raise ConfigError(message)
