"""``tamiyo describe events``: every event and field of a run's log, read from the records."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from itertools import groupby
from operator import itemgetter
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Union, get_args, get_origin, get_type_hints

from tamiyo.contracts import EVENT_SCHEMA, Event

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["list_event_fields", "write_event_page"]

_PLAIN: Final = {
    bool: "true or false",
    int: "whole number",
    float: "number",
    str: "text",
    NoneType: "null",
}

_INTRODUCTION: Final = f"""\
# Events

Every line of a run's `events.jsonl` is one event: a JSON object with `schema` ({EVENT_SCHEMA}),
`time` (UTC, ISO 8601), `event` (its name) and the fields below. [Records](../concepts/records.md)
says how the log is written and read.

What is not known is `null`, never 0. Enums are written as their names. A number that JSON cannot
hold is written as the text `NaN`, `Infinity` or `-Infinity`.

This page is made by `tamiyo describe events --markdown`; a test compares it with the code.
"""


def list_event_fields() -> list[dict[str, object]]:
    """List the fields of every event, then those of the records they hold, in order of use.

    Returns:
        Rows with ``record``, ``kind`` (event, record or names), ``summary`` of the record,
        ``field``, ``type`` and ``meaning``; a field of names is one of them.
    """
    events = list(get_args(Event))
    return [row for record in [*events, *_find_records(events)] for row in _list_fields(record)]


def write_event_page() -> str:
    """Write the reference page in Markdown."""
    rows = list_event_fields()
    parts = [_INTRODUCTION]
    for kind, title in (("event", "Events"), ("record", "Records"), ("names", "Names")):
        parts.append(f"## {title}\n" if kind != "event" else "")
        own = [row for row in rows if row["kind"] == kind]
        for record, its in groupby(own, key=itemgetter("record")):
            lines = list(its)
            parts.append(f"### {record}\n\n{lines[0]['summary']}\n\n{_write_table(lines)}")
    return "\n".join(part for part in parts if part)


def _write_table(rows: list[dict[str, object]]) -> str:
    if rows[0]["kind"] == "names":
        return "".join(f"- `{row['field']}`\n" for row in rows)
    lines = [f"| `{row['field']}` | {_link(str(row['type']))} | {row['meaning']} |" for row in rows]
    return "\n".join(["| field | type | meaning |", "|---|---|---|", *lines]) + "\n"


def _link(kind: str) -> str:
    """Turn the names of records within a type into links to them; they alone have capitals."""
    return re.sub(r"[A-Z]\w+", lambda name: f"[{name[0]}](#{name[0].lower()})", kind)


def _list_fields(record: Any) -> list[dict[str, object]]:  # noqa: ANN401  # a dataclass or enum
    summary, meanings = _read_docstring(record)
    if issubclass(record, Enum):
        kind = {"record": record.__name__, "kind": "names", "summary": summary}
        return [
            {**kind, "field": member.name, "type": "text", "meaning": str(member.value)}
            for member in record
        ]
    hints = get_type_hints(record)
    kind = {
        "record": record.__name__,
        "kind": "event" if record in get_args(Event) else "record",
        "summary": summary,
    }
    return [
        {
            **kind,
            "field": item.name,
            "type": _describe_type(hints[item.name]),
            "meaning": meanings.get(item.name, ""),
        }
        for item in fields(record)
    ]


def _read_docstring(record: type) -> tuple[str, dict[str, str]]:
    """Return what a docstring says of the record, and of each of its fields."""
    text = inspect.getdoc(record) or ""
    about, _, rest = text.partition("\nAttributes:\n")
    meanings = re.findall(
        r"^    (\w+): (.*(?:\n {8,}.*)*)", rest.partition("\n\n")[0], re.MULTILINE
    )
    return _tidy(about), {name: _tidy(meaning) for name, meaning in meanings}


def _tidy(text: str) -> str:
    """Put a docstring's words on one line, in Markdown."""
    text = re.sub(r":\w+:`~?\.?(?:[\w.]+\.)?(\w+)`", r"`\1`", " ".join(text.split()))
    return text.replace("``None``", "`null`").replace("``", "`").replace("|", "\\|")


def _describe_type(hint: Any) -> str:  # noqa: ANN401  # a type, a generic alias or a union
    if hint in _PLAIN:
        return _PLAIN[hint]
    origin, inner = get_origin(hint), get_args(hint)
    if origin in {UnionType, Union}:
        return " or ".join(_describe_type(one) for one in inner)
    if origin is tuple:
        kinds = list(dict.fromkeys(_describe_type(one) for one in inner if one is not Ellipsis))
        return f"list of {' and '.join(kinds)}"
    if origin is Mapping:
        key, value = inner
        return f"object of {_describe_type(value)} by {_describe_type(key)}"
    return str(hint.__name__)


def _find_records(roots: list[type]) -> list[type]:
    """List the records and enums that some records hold, each after the first that does."""
    found: list[type] = []
    waiting = list(roots)
    while waiting:
        record = waiting.pop(0)
        if issubclass(record, Enum):
            continue
        for hint in get_type_hints(record).values():
            new = [inner for inner in _walk(hint) if inner not in found]
            found += new
            waiting += new
    return found


def _walk(hint: Any) -> Iterator[type]:  # noqa: ANN401  # as above
    if isinstance(hint, type) and get_origin(hint) is None:
        if is_dataclass(hint) or issubclass(hint, Enum):
            yield hint
        return
    for inner in get_args(hint):
        yield from _walk(inner)
