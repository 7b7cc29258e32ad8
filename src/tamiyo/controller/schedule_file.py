"""Read a schedule from TOML or JSON.

A file holds ``[[seed]]`` tables, one per seed to grow, and ``[[decision]]`` tables, one per
decision word for word; their fields are those of ``SeedPlan`` and ``ScriptedDecision``, names in
any case.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from tamiyo.contracts import (
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    CurveChoice,
    LifecycleOp,
    ScheduleError,
    Style,
    Tempo,
)
from tamiyo.controller.schedule import Schedule, ScriptedDecision, SeedPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from enum import IntEnum

__all__ = ["load_schedule"]

_Entry = TypeVar("_Entry", SeedPlan, ScriptedDecision)

_ENUMS: Final[Mapping[str, type[IntEnum]]] = MappingProxyType(
    {
        "op": LifecycleOp,
        "blueprint": Blueprint,
        "style": Style,
        "tempo": Tempo,
        "alpha_target": AlphaTarget,
        "alpha_speed": AlphaSpeed,
        "alpha_curve": CurveChoice,
    }
)
_TABLES: Final = ("seed", "decision")
_MOST_CHARACTERS: Final = 1_000_000
_LONGEST_LINE: Final = 1_000
"""Of TOML: the time its parser takes for a key with dots grows with the square of their number."""


def load_schedule(path: str | Path) -> Schedule:
    """Read a schedule.

    Args:
        path: A file of TOML, or of JSON if its name ends in ``.json``.

    Returns:
        The schedule, checked as far as it can be without a host (see ``check_schedule``).

    Raises:
        ScheduleError: In one line with file, entry, field, rule and value, if the file cannot be
            read, is neither TOML nor JSON, holds nothing, or an entry breaks a rule.
    """
    source = str(path)
    tables = _read_tables(Path(path))
    for name in tables:
        if name not in _TABLES:
            message = f"{source}: table must be one of {', '.join(_TABLES)}, got {name!r}"
            raise ScheduleError(message)
    seeds = _read_entries(SeedPlan, tables, "seed", source)
    decisions = _read_entries(ScriptedDecision, tables, "decision", source)
    if not seeds and not decisions:
        message = f"{source}: schedule must hold at least one [[seed]] or [[decision]], got none"
        raise ScheduleError(message)
    return Schedule(seeds=seeds, decisions=decisions, source=source)


def _read_tables(path: Path) -> dict[str, object]:
    parse: Callable[[str], object] = json.loads if path.suffix == ".json" else tomllib.loads
    kind = "JSON" if path.suffix == ".json" else "TOML"
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_MOST_CHARACTERS + 1)
        _check_lengths(path, text, _LONGEST_LINE if kind == "TOML" else _MOST_CHARACTERS)
        tables = parse(text)
    except OSError as error:
        message = f"{path}: schedule must be a readable file, got {error.strerror}"
        raise ScheduleError(message) from None
    except ScheduleError:
        raise
    except (ValueError, RecursionError) as error:
        message = f"{path}: schedule must be {kind}, got an error: {error}"
        raise ScheduleError(message) from None
    if not isinstance(tables, dict):
        message = f"{path}: schedule must be a table at the top, got {type(tables).__name__}"
        raise ScheduleError(message)
    return tables


def _check_lengths(path: Path, text: str, longest: int) -> None:
    """Refuse a file that would take long to parse.

    Raises:
        ScheduleError: If the file or a line is too long.
    """
    if len(text) > _MOST_CHARACTERS:
        message = f"{path}: schedule must have at most {_MOST_CHARACTERS} characters, got more"
        raise ScheduleError(message)
    length = max(map(len, text.splitlines()), default=0)
    if length > longest:
        message = f"{path}: lines must have at most {longest} characters, got one of {length}"
        raise ScheduleError(message)


def _read_entries(
    record: type[_Entry], tables: Mapping[str, object], name: str, source: str
) -> tuple[_Entry, ...]:
    entries = tables.get(name, [])
    if not isinstance(entries, list):
        message = f"{source}: {name} must be a list of tables ([[{name}]]), got {entries!r}"
        raise ScheduleError(message)
    result = []
    for number, entry in enumerate(entries, start=1):
        try:
            result.append(_read_entry(record, entry))
        except ScheduleError as error:
            message = f"{source}, {name} {number}: {error}"
            raise ScheduleError(message) from None
    return tuple(result)


def _read_entry(record: type[_Entry], entry: object) -> _Entry:
    if not isinstance(entry, dict):
        message = f"entry must be a table, got {entry!r}"
        raise ScheduleError(message)
    known = [item.name for item in fields(record)]
    for name in entry:
        if name not in known:
            message = f"field must be one of {', '.join(known)}, got {name!r}"
            raise ScheduleError(message)
    for item in fields(record):
        if item.default is MISSING and item.name not in entry:
            message = f"{item.name} must be given, got nothing"
            raise ScheduleError(message)
    values: dict[str, Any] = {name: _read_field(name, value) for name, value in entry.items()}
    return record(**values)


def _read_field(name: str, value: object) -> object:
    enum = _ENUMS.get(name)
    if enum is not None:
        return _read_name(name, value, enum)
    expected = str if name == "slot" else int
    if not isinstance(value, expected) or isinstance(value, bool):
        kind = "text" if expected is str else "a whole number"
        message = f"{name} must be {kind}, got {value!r}"
        raise ScheduleError(message)
    return value


def _read_name(name: str, value: object, enum: type[IntEnum]) -> IntEnum:
    members = [member for member in enum if member != Blueprint.NOOP or enum is not Blueprint]
    for member in members:
        if isinstance(value, str) and value.upper() == member.name:
            return member
    message = f"{name} must be one of {', '.join(m.name for m in members)}, got {value!r}"
    raise ScheduleError(message)
