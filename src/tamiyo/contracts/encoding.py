"""Records as plain JSON values and back: enums are their names, records objects, tuples lists."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from functools import cache
from pathlib import PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from tamiyo.contracts.errors import ArtifactError

__all__ = ["decode_record", "encode_record", "encode_value"]

_NOT_FINITE: Final = ("NaN", "Infinity", "-Infinity")
"""How a log writes the numbers that JSON cannot hold."""

_Record = TypeVar("_Record")
_T = TypeVar("_T")


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


def decode_record(record_type: type[_Record], plain: Mapping[str, Any]) -> _Record:
    """Build a record from what :func:`encode_record` made of one.

    Args:
        record_type: Its dataclass. Types of fields may be records, enums, numbers, strings, paths,
            any of them or ``None``, and tuples, frozen sets and mappings of them.
        plain: Field name to value; a field that is missing has its default, so that a record which
            has got more fields since still reads what was written before. Numbers that are not
            finite may be the texts ``NaN``, ``Infinity`` and ``-Infinity``, as in an event log.

    Raises:
        ArtifactError: If it is no mapping, or a field is unknown, of a value its type does not
            have, or missing without a default.
        ConfigError: If the record refuses its values.

    >>> from tamiyo.contracts import MetricScale
    >>> decode_record(MetricScale, {"name": "accuracy", "best": 1.0, "worst": 0.0}).is_share
    True
    """
    if not isinstance(plain, Mapping):
        message = f"{record_type.__name__} must be an object with its fields, got {plain!r}"
        raise ArtifactError(message)
    kinds = _find_kinds(cast("Hashable", record_type))
    _check_fields(record_type, plain)
    values = {}
    for name, value in plain.items():
        try:
            values[name] = _decode(kinds[name], value)
        except (AttributeError, KeyError, OverflowError, TypeError) as error:
            message = f"{name} of {record_type.__name__} must be a {kinds[name]}, got {value!r}"
            raise ArtifactError(message) from error
    return record_type(**values)


@cache
def _find_kinds(record_type: Hashable) -> Mapping[str, Any]:
    """Return the type of each field; kept, since a log has thousands of the same records."""
    return get_type_hints(record_type, include_extras=True)


def _check_fields(record_type: type[Any], plain: Mapping[str, Any]) -> None:
    """Refuse fields that a record does not have, and the lack of those it cannot do without.

    Raises:
        ArtifactError: If there are such.
    """
    known = {item.name: item for item in fields(record_type)}
    for name in plain.keys() - known.keys():
        near = get_close_matches(name, known, n=1, cutoff=0.0)
        message = (
            f"{record_type.__name__} must have the fields {', '.join(known)}, got {name!r} as "
            f"well{f' (nearest: {near[0]})' if near else ''}"
        )
        raise ArtifactError(message)
    needed = {
        name
        for name, item in known.items()
        if item.default is MISSING and item.default_factory is MISSING
    }
    if needed - plain.keys():
        message = (
            f"{record_type.__name__} must have the fields {', '.join(known)}, "
            f"got {', '.join(plain) or 'none'}"
        )
        raise ArtifactError(message)


def _decode(kind: object, value: object) -> object:
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _decode(inner[0], value)
    if origin in {Union, UnionType}:
        (other,) = (choice for choice in inner if choice is not NoneType)
        return None if value is None else _decode(other, value)
    if origin in {tuple, frozenset}:
        kinds = _list_kinds(origin, inner, _expect(list, value))
        return origin(map(_decode, kinds, _expect(list, value)))
    if origin is Mapping:
        plain = _expect(dict, value)
        return {_decode(inner[0], key): _decode(inner[1], one) for key, one in plain.items()}
    return _decode_plain(kind, value)


def _list_kinds(origin: object, inner: tuple[object, ...], values: list[object]) -> list[object]:
    """Return the type of each item of a tuple or set.

    Raises:
        TypeError: If there are more or fewer items than the tuple has.
    """
    if origin is frozenset or inner[-1] is Ellipsis:
        return [inner[0]] * len(values)
    if len(inner) != len(values):
        raise TypeError(values)
    return list(inner)


def _decode_plain(kind: object, value: object) -> object:
    kind = _expect(type, kind)
    if is_dataclass(kind):
        return decode_record(kind, _expect(dict, value))
    if issubclass(kind, Enum):
        return kind[_expect(str, value)]
    if issubclass(kind, PurePath):
        return kind(_expect(str, value))
    if kind is float and (isinstance(value, int) or value in _NOT_FINITE):
        value = float(value)
    return _expect(kind, value)


def _expect(kind: type[_T], value: object) -> _T:
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise TypeError(value)
    return value
