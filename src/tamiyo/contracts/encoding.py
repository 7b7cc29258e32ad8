"""Records as plain JSON values: enums become their names, records objects, tuples lists."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath

__all__ = ["encode_record", "encode_value"]


def encode_record(record: object) -> dict[str, object]:
    """Turn a dataclass instance into a dictionary that ``json.dumps`` accepts.

    Args:
        record: An instance of a dataclass.

    Raises:
        TypeError: If it is none.
    """
    if not is_dataclass(record) or isinstance(record, type):
        message = f"record must be an instance of a dataclass, got {record!r}"
        raise TypeError(message)
    return {item.name: encode_value(getattr(record, item.name)) for item in fields(record)}


def encode_value(value: object) -> object:
    """Turn a value of a record into what ``json.dumps`` accepts, the same for equal values."""
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        return encode_record(value)
    if isinstance(value, Mapping):
        return {str(encode_value(key)): encode_value(item) for key, item in value.items()}
    if isinstance(value, tuple | list | frozenset):
        return [encode_value(item) for item in value]
    if isinstance(value, PurePath):
        return str(value)
    return value
