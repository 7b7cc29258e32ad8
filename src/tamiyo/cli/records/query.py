"""``tamiyo query``: ask the events of a run in SQL."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text
from tyro.conf import Positional, arg

from tamiyo.cli.flags import read_flags
from tamiyo.cli.records.log_path import find_log
from tamiyo.cli.records.printing import print_json
from tamiyo.contracts import check_at_least
from tamiyo.telemetry import EventDatabase

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.telemetry import QueryResult, TableContent

__all__ = ["QueryArguments", "run"]

_EXAMPLES: Final = """\
  tamiyo query RUN
      the tables, their columns and rows
  tamiyo query RUN "SELECT epoch, command_op, command_slot_id, command_reason FROM DecisionMade
                    WHERE command_op <> 'WAIT'"
      what was decided and why
  tamiyo query RUN "SELECT gone.seed_id, born.command_blueprint, gone.epoch - born.epoch AS epochs
                    FROM SeedPruned AS gone JOIN SeedGerminated AS born USING (seed_id)"
      how long the pruned seeds lived
  tamiyo query RUN "SELECT epoch, slot_id, stage, seed_alpha_alpha, seed_contribution_points
                    FROM EpochCompleted_host_slots WHERE slot_id = 'r0c0'"
      one slot, epoch by epoch
  tamiyo query RUN "SELECT epoch, json_extract(evidence_probabilities, '$.OP.WAIT') AS wait
                    FROM DecisionMade"
      how probable it was to wait
  tamiyo query RUN "SELECT episode, sum(reward), sum(compute_rent) FROM rewards GROUP BY episode"
      what the episodes of a training were paid
  tamiyo query RUN "SELECT event, count(*) AS events FROM events GROUP BY event" --json
      for a script

Numbers that are not finite are the texts 'NaN', 'Infinity' and '-Infinity'; NULL is unknown."""

_UNKNOWN: Final = "-"


@dataclass(frozen=True, kw_only=True)
class QueryArguments:
    """Ask the events of a run in SQL (SQLite's), or list what can be asked about.

    Attributes:
        run: A run folder, or an event log.
        sql: One statement that begins with SELECT or WITH; tables and columns are listed without.
        rows: Rows to show at most in a table, at least 1; --json always gives all of them.
        json: Print one JSON object and nothing else.
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    sql: Positional[Annotated[str | None, arg(metavar="SQL")]] = None
    rows: int = 200
    json: bool = False

    def __post_init__(self) -> None:
        """Check the number of rows.

        Raises:
            ConfigError: If there are none.
        """
        check_at_least(self, {"rows": 1})


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        TamiyoError: If the log is missing or damaged, or the statement cannot be answered.
    """
    arguments = read_flags(QueryArguments, words, command="query", examples=_EXAMPLES)
    database = EventDatabase(find_log(arguments.run))
    if arguments.sql is None:
        _list_tables(database.describe(), as_json=arguments.json)
        return
    result = database.query(arguments.sql)
    if arguments.json:
        rows = [dict(zip(result.columns, row, strict=True)) for row in result.rows]
        print_json({"rows": rows, "gaps": result.gaps})
    else:
        _show(result, arguments.rows)
    if result.gaps:
        print(f"tamiyo: {result.gaps}", file=sys.stderr)


def _list_tables(tables: Sequence[TableContent], *, as_json: bool) -> None:
    if as_json:
        listed = [
            {
                "name": table.name,
                "rows": table.rows,
                "columns": [{"name": one.name, "type": one.kind} for one in table.columns],
            }
            for table in tables
        ]
        print_json({"tables": listed})
        return
    console = Console(soft_wrap=True, highlight=False)
    for table in tables:
        if table.rows:
            noun = "row" if table.rows == 1 else "rows"
            console.print(Text.assemble((table.name, "bold"), f"  {table.rows:,} {noun}"))
            names = " ".join(f"{one.name}{'*' if one.is_json else ''}" for one in table.columns)
            Console(highlight=False).print(Text(f"  {names}", "dim"))
    console.print("\n* JSON text: read it with json_extract(COLUMN, '$.key') or json_each")
    empty = [table.name for table in tables if not table.rows]
    if empty:
        console.print(f"no rows in this log: {', '.join(empty)}")


def _show(result: QueryResult, most: int) -> None:
    """Show a result in which nothing is cut, however narrow the console: people copy it."""
    shown = [[_write(value) for value in row] for row in result.rows[:most]]
    widths = [
        max(len(name), *(len(row[index]) for row in shown)) if shown else len(name)
        for index, name in enumerate(result.columns)
    ]
    table = Table(box=None, header_style="bold", width=sum(width + 2 for width in widths))
    for index, name in enumerate(result.columns):
        is_number = all(isinstance(row[index], int | float | None) for row in result.rows)
        table.add_column(name, justify="right" if is_number else "left", no_wrap=True)
    for row in shown:
        table.add_row(*map(Text, row))
    Console().print(table, crop=False, soft_wrap=True)
    left = len(result.rows) - len(shown)
    if left:
        print(f"... and {left:,} more rows: use LIMIT, --rows or --json")
    elif not shown:
        print("no rows")


def _write(value: object) -> str:
    if value is None:
        return _UNKNOWN
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return " ".join(text.split()) if isinstance(value, str) else text
