"""Ask a log in SQL: the tables are made in memory, nothing is ever written."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from tamiyo.contracts import ArtifactError, ConfigError
from tamiyo.telemetry.scanning import EventScan
from tamiyo.telemetry.tables.layout import (
    NUMBER,
    RAW_TABLE,
    Column,
    EventTable,
    Place,
    build_tables,
)
from tamiyo.telemetry.tables.views import VIEWS, View

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

__all__ = ["EventDatabase", "QueryResult", "TableContent"]

_ALLOWED: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
_BOUNDS: Final = frozenset({"EpisodeStarted", "EpisodeFinished"})
"""Events that say which episode those between them belong to."""

_INSTRUCTIONS_BETWEEN_SIGNALS: Final = 100_000
_SHOWN_CHARACTERS: Final = 60
_LARGEST_VALUE_BYTES: Final = 1 << 26
_MOST_ROWS: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class TableContent:
    """A table and how much of a log is in it.

    Attributes:
        name: Its name in SQL.
        columns: Its columns.
        rows: Its rows.
    """

    name: str
    columns: tuple[Column, ...]
    rows: int


@dataclass(frozen=True, kw_only=True)
class QueryResult:
    """What a query gave.

    Attributes:
        columns: Name of each column; one that comes twice has a number behind it.
        rows: The rows: numbers, texts, and ``None`` for what is unknown.
        gaps: What is left out of a damaged or torn log, in one sentence; else empty.
    """

    columns: tuple[str, ...]
    rows: list[tuple[object, ...]]
    gaps: str


class EventDatabase:
    """The events of a log as tables.

    Args:
        path: The log.

    Attributes:
        tables: Every table, by name.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = EventScan(path)
        self.tables = {table.name: table for table in build_tables()}
        self._names = [*self.tables, *(view.name for view in VIEWS)]

    def describe(self) -> list[TableContent]:
        """Return every table with its number of rows.

        Raises:
            ArtifactError: If the log cannot be read or an event lacks a field.
        """
        counts = dict.fromkeys(self.tables, 0)
        for table, rows in self._read_rows(self.tables):
            counts[table.name] += len(rows)
        tables = [
            TableContent(name=table.name, columns=table.columns, rows=counts[table.name])
            for table in self.tables.values()
        ]
        return tables + [
            TableContent(name=view.name, columns=view.columns, rows=counts[view.table])
            for view in VIEWS
        ]

    def query(self, sql: str) -> QueryResult:
        """Answer one SELECT.

        Args:
            sql: A single statement that begins with SELECT, or with WITH and leads to one.

        Returns:
            Its columns and rows.

        Raises:
            ConfigError: If it is no such statement, or names what is not there.
            ArtifactError: If the log cannot be read or an event lacks a field.
            KeyboardInterrupt: If it is stopped while it runs.
        """
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            for table in self.tables.values():
                connection.execute(_write_creation(table))
            for view in VIEWS:
                connection.execute(_write_view(view))
            self._fill(connection, self._find_columns(connection, sql))
            try:
                columns, rows = _select(connection, sql)
            except sqlite3.Error as error:
                raise self._refuse(sql, str(error)) from None
        if len(rows) > _MOST_ROWS:
            raise self._refuse(sql, f"rows must be at most {_MOST_ROWS:,}, use LIMIT")
        return QueryResult(
            columns=_number_twins(columns), rows=rows, gaps=self._log.describe_gaps()
        )

    def _find_columns(self, connection: sqlite3.Connection, sql: str) -> set[tuple[str, str]]:
        """Return the tables and columns that a statement reads: only those tables are filled.

        Raises:
            ConfigError: If it is not a single SELECT that can be answered.
        """
        read: set[tuple[str, str]] = set()

        def note(action: int, first: str | None, second: str | None, *_: object) -> int:
            if action == sqlite3.SQLITE_READ and first in self.tables:
                read.add((first, second or ""))
            return sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY

        connection.set_authorizer(note)
        try:
            connection.execute(f"EXPLAIN {sql}")
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise self._refuse(sql, str(error)) from None
        finally:
            connection.set_authorizer(None)
        return read

    def _fill(self, connection: sqlite3.Connection, read: Collection[tuple[str, str]]) -> None:
        if not read:
            return
        names = {table for table, _ in read}
        is_counting = any(column == NUMBER.name for _, column in read)
        kinds = {self.tables[name].event for name in names}
        # Events are numbered only where somebody asks for the numbers: most need not be parsed.
        wanted = None if is_counting or None in kinds else {str(kind) for kind in kinds} | _BOUNDS
        connection.execute("BEGIN")
        for table, rows in self._read_rows(names, wanted):
            connection.executemany(_write_insertion(table), rows)
        connection.execute("COMMIT")

    def _read_rows(
        self, names: Collection[str], kinds: Collection[str] | None = None
    ) -> Iterator[tuple[EventTable, list[list[object]]]]:
        """Yield what each event, or each of some kinds, adds to each of some tables."""
        by_kind: dict[str | None, list[EventTable]] = {}
        for table in self.tables.values():
            if table.name in names:
                by_kind.setdefault(table.event, []).append(table)
        log = self._log = EventScan(self._path, kinds=kinds)
        episodes: dict[int, int] = {}
        for number, event in enumerate(log, start=1):
            place = _find_place(number, event, episodes)
            for table in by_kind.get(event["event"], []) + by_kind.get(RAW_TABLE.event, []):
                yield table, list(table.read(event, place))

    def _refuse(self, sql: str, reason: str) -> ConfigError:
        """Build the error for a statement that cannot be answered."""
        shown = " ".join(sql.split())
        shown = shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}..."
        message = (
            f"SQL must be one SELECT over the tables {', '.join(self._names)}, got {shown!r}: "
            f"{_explain(reason)}{self._hint(reason)}"
        )
        return ConfigError(message)

    def _hint(self, reason: str) -> str:
        """Name what was perhaps meant by a table or column that is not there."""
        found = re.search(r"no such (table|column): (?:\w+\.)?(\w+)", reason)
        if found is None:
            return ""
        known = self._names
        if found[1] == "column":
            described = [table.columns for table in self.tables.values()]
            described += [view.columns for view in VIEWS]
            known = [column.name for columns in described for column in columns]
        near = get_close_matches(found[2], dict.fromkeys(known), n=3)
        return f" (nearest: {', '.join(near)})" if near else ""


def _write_creation(table: EventTable) -> str:
    columns = ", ".join(f'"{column.name}" {column.kind}' for column in table.columns)
    return f'CREATE TABLE "{table.name}" ({columns})'


def _write_view(view: View) -> str:
    pairs = zip(view.expressions, view.columns, strict=True)
    columns = ", ".join(f'{expression} AS "{column.name}"' for expression, column in pairs)
    return f'CREATE VIEW "{view.name}" AS SELECT {columns} FROM "{view.table}"'  # noqa: S608  # our own


def _write_insertion(table: EventTable) -> str:
    marks = ", ".join("?" * len(table.columns))
    return f'INSERT INTO "{table.name}" VALUES ({marks})'  # noqa: S608  # a name of our own


def _select(connection: sqlite3.Connection, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """Answer a statement that is known to be a SELECT.

    Raises:
        KeyboardInterrupt: If it is stopped while it runs.
        sqlite3.OperationalError: If it cannot be carried out.
    """
    connection.execute("PRAGMA query_only = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE_BYTES)
    connection.set_authorizer(
        lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY
    )
    # Signals are looked at in between; else nothing could stop a query that never ends.
    connection.set_progress_handler(_let_signals_through, _INSTRUCTIONS_BETWEEN_SIGNALS)
    try:
        cursor = connection.execute(sql)
        return [entry[0] for entry in cursor.description], cursor.fetchmany(_MOST_ROWS + 1)
    except sqlite3.OperationalError as error:
        if str(error) == "interrupted":
            raise KeyboardInterrupt from None
        raise


def _let_signals_through() -> int:
    return 0


def _explain(reason: str) -> str:
    if reason in {"not authorized", "You can only execute one statement at a time."}:
        return "only reading is allowed, in one statement"
    return reason


def _number_twins(columns: list[str]) -> tuple[str, ...]:
    """Make names unique, so that a row can be an object."""
    names: list[str] = []
    for name in columns:
        twins = sum(
            re.fullmatch(rf"{re.escape(name)}(_\d+)?", other) is not None for other in names
        )
        names.append(f"{name}_{twins + 1}" if name in names else name)
    return tuple(names)


def _find_place(number: int, event: Mapping[str, Any], episodes: dict[int, int]) -> Place:
    """Say where an event stands, and keep track of the running episodes.

    Raises:
        ArtifactError: If an event's environment or epoch is no number.
    """
    name = event["event"]
    environment = _read_number(number, event, "environment")
    epoch = _read_number(number, event, "epoch")
    started = _read_number(number, event, "episode")
    if environment is not None and started is not None:
        episodes[environment] = started
    measured = event.get("measured")
    if name == "EpochCompleted" and isinstance(measured, dict):
        epoch = _read_number(number, measured, "epoch")
    episode = None if environment is None else episodes.get(environment)
    if name == "EpisodeFinished" and environment is not None:
        episodes.pop(environment, None)
    return Place(number=number, environment=environment, episode=episode, epoch=epoch)


def _read_number(number: int, plain: Mapping[str, Any], name: str) -> int | None:
    value = plain.get(name)
    if value is not None and not isinstance(value, int):
        message = f"event {number} must have a whole number as {name}, got {value!r}"
        raise ArtifactError(message)
    return value
