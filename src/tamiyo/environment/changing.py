"""Replace single settings of an environment by name, as ``gymnasium.make`` hands them over."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from tamiyo.contracts import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from _typeshed import DataclassInstance

__all__ = ["change_config"]

C = TypeVar("C", bound="DataclassInstance")


def change_config(config: C, changes: Mapping[str, Any]) -> C:
    """Replace fields of a configuration.

    Args:
        config: The configuration.
        changes: Field name to its new value.

    Raises:
        UnknownNameError: If there is no such field.
        ConfigError: If a number is outside its range.
    """
    known = [item.name for item in fields(config)]
    for name in changes:
        if name not in known:
            kind = f"setting of {type(config).__name__}"
            raise UnknownNameError(kind, name, known)
    return replace(config, **changes)
