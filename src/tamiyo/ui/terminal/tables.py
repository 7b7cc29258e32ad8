"""Tables for the end: what a run came to, and how several ways to a network compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from tamiyo.contracts import ACCURACY, ComparisonRow, MetricScale
from tamiyo.telemetry import RunSummary
from tamiyo.ui.formatting import format_count, format_difference, format_growth, format_si
from tamiyo.ui.metric import MetricView
from tamiyo.ui.terminal.frames import start_table
from tamiyo.ui.terminal.symbols import Symbols, choose_symbols

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult
    from rich.table import Table

    from tamiyo.contracts import PairedDifference
    from tamiyo.telemetry import FossilRow

__all__ = ["render_compare_table", "render_result_table"]

_UNKNOWN = "-"
_COMPARED = ("", "score", "difference [95 %]", "test", "param.", "mult-adds", "kept")
_KEPT = 3  # columns that are never left out
_GAP = 2  # padding and edge of a column


def render_result_table(summary: RunSummary) -> ConsoleRenderable:
    """Show what a run came to: host and final network, then each seed that was kept.

    Args:
        summary: The run, finished or not.

    Returns:
        What ``Console.print`` takes; it suits itself to the console's width and encoding.
    """
    return _ResultTable(summary)


def render_compare_table(
    rows: Sequence[ComparisonRow], metric: MetricScale = ACCURACY
) -> ConsoleRenderable:
    """Show rows below each other; the reference, which differs from nothing, has no difference.

    Args:
        rows: The rows in the order to show them.
        metric: What networks were judged by; scores and differences are points of it.

    Returns:
        What ``Console.print`` takes. On a narrow console names wrap; then columns are left out from
        the right, so that every name and number that is shown stays whole.
    """
    return _CompareTable(rows, metric)


@dataclass(frozen=True, kw_only=True)
class _NetworkRow:
    """A network: its accuracies are points; what nobody measured is ``None``."""

    name: str
    parameters: int
    growth: str = ""
    control: float
    test: float | None = None
    multiply_adds: int | None = None


@dataclass(frozen=True)
class _ResultTable:
    summary: RunSummary

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        summary = self.summary
        yield _describe_run(summary)
        yield _build_networks_table(summary)
        yield Text()
        if summary.fossils:
            yield _build_fossils_table(summary, choose_symbols(console))
            worth = _name_worth(summary)
            meaning = f"{worth}: what switching the seed off would cost: dependence, not gain"
            yield Text(meaning, "dim")
            if point := MetricView(summary.metric).point:
                yield Text(point, "dim")
            yield Text()
        yield _describe_growth(summary)


@dataclass(frozen=True)
class _CompareTable:
    rows: Sequence[ComparisonRow]
    metric: MetricScale

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        cells = [_write_row(row, MetricView(self.metric)) for row in self.rows]
        left = list(_COMPARED)
        while len(left) > _KEPT and _measure_width(cells, left) > options.max_width:
            empty = [name for name in left if all(row[name] == _UNKNOWN for row in cells)]
            left.remove((empty or left)[-1])
        name, *numbers = left
        table = start_table((name, "left"), *numbers)
        # Names of static networks are long: they wrap, and every number stays whole.
        table.columns[0].no_wrap = False
        table.columns[0].min_width = _measure_word(cells)
        table.columns[-1].no_wrap = _measure_width(cells, left) <= options.max_width
        for row in cells:
            table.add_row(*(row[column] for column in left))
        yield table


def _write_row(row: ComparisonRow, view: MetricView) -> dict[str, str]:
    """Write the cells of a row by column."""
    is_reference = row.difference == row.low == row.high == 0
    interval = f"{row.difference:+.1f} [{row.low:+.1f}, {row.high:+.1f}]"
    cells = (
        row.name,
        f"{row.score:.1f}",
        _UNKNOWN if is_reference else interval,
        _UNKNOWN if row.test_accuracy is None else view.write(row.test_accuracy),
        _UNKNOWN if row.parameters is None else format_count(row.parameters),
        _UNKNOWN if row.multiply_adds is None else format_si(row.multiply_adds),
        _UNKNOWN if row.fossils is None else f"{row.fossils:g}",
    )
    return dict(zip(_COMPARED, cells, strict=True))


def _measure_word(cells: Sequence[Mapping[str, str]]) -> int:
    """Return the width of the longest word of a name."""
    words = [word for row in cells for word in row[_COMPARED[0]].split()]
    return max(map(len, words), default=0)


def _measure_width(cells: Sequence[Mapping[str, str]], columns: Sequence[str]) -> int:
    """Return the width of a table whose names wrap and whose numbers stay whole."""
    _, *numbers = columns
    widths = [max(len(column), *(len(row[column]) for row in cells)) for column in numbers]
    return sum(width + _GAP for width in [_measure_word(cells), *widths]) - 1


def _describe_run(summary: RunSummary) -> Text:
    outcome = summary.outcome
    if outcome is None:
        state = f"{summary.final.epoch} of {summary.epochs} epochs so far"
    elif outcome.interrupted:
        state = f"interrupted after {outcome.epochs} of {summary.epochs} epochs"
    else:
        state = f"{outcome.epochs} epochs"
    name = f"{summary.task}, {summary.controller}, seed {summary.seed}"
    return Text.assemble((name, "bold"), f": {state}{MetricView(summary.metric).introduction}")


def _build_networks_table(summary: RunSummary) -> Table:
    outcome, view = summary.outcome, MetricView(summary.metric)
    has_test = outcome is None or outcome.test_accuracy is not None
    splits = ("control", "test") if has_test else ("control",)
    table = start_table(("", "left"), "parameters", "growth", *splits, "multiply-adds")
    rows = _list_networks(summary)
    for row in rows:
        measured = (row.control, row.test) if has_test else (row.control,)
        table.add_row(
            row.name,
            format_count(row.parameters),
            row.growth,
            *(_UNKNOWN if points is None else view.write(points) for points in measured),
            _UNKNOWN if row.multiply_adds is None else format_si(row.multiply_adds),
            style="bold" if row is rows[-1] else None,
        )
    return table


def _list_networks(summary: RunSummary) -> list[_NetworkRow]:
    """List the untrained host, its twin if there is one, and what grew."""
    outcome, twin = summary.outcome, summary.twin
    rows = [
        _NetworkRow(
            name="host before training",
            parameters=summary.host_parameters,
            control=summary.initial.control_accuracy,
        )
    ]
    if twin is not None:
        alone = _NetworkRow(
            name="host alone",
            parameters=twin.parameters,
            control=twin.control_accuracies[-1],
            test=twin.test_accuracy,
            multiply_adds=twin.multiply_adds,
        )
        rows.append(alone)
    grown = _NetworkRow(
        name="network now" if outcome is None else "final network",
        parameters=summary.parameters,
        growth=format_growth(summary.parameters, summary.host_parameters),
        control=summary.final.control_accuracy if outcome is None else outcome.control_accuracy,
        test=None if outcome is None else outcome.test_accuracy,
        multiply_adds=summary.multiply_adds,
    )
    return [*rows, grown]


def _build_fossils_table(summary: RunSummary, symbols: Symbols) -> Table:
    texts = (("slot", "left"), ("blueprint", "left"), ("style", "left"))
    table = start_table(*texts, "epochs", "parameters", _name_worth(summary))
    for row in summary.fossils:
        table.add_row(
            row.slot_id,
            row.blueprint.name.lower(),
            row.style.name.lower(),
            f"{row.germinated_epoch} {symbols.arrow} {row.fossilized_epoch}",
            format_count(row.parameters),
            _describe_worth(row, summary, symbols),
        )
    return table


def _name_worth(summary: RunSummary) -> str:
    outcome = summary.outcome
    is_on_test = outcome is not None and outcome.test_accuracy is not None
    return "points on test" if is_on_test else "points on control"


def _describe_worth(row: FossilRow, summary: RunSummary, symbols: Symbols) -> str:
    worth: PairedDifference | None = row.committed if summary.outcome is None else row.final
    return _UNKNOWN if worth is None else format_difference(worth, symbols.plus_minus)


def _describe_growth(summary: RunSummary) -> Text:
    germinated, kept = len(summary.germinations), len(summary.fossils)
    text = f"seeds: {germinated} germinated, {kept} kept, {len(summary.pruned)} pruned"
    if summary.rollbacks:
        text += f"; rollbacks: {len(summary.rollbacks)}"
    best, view = summary.best, MetricView(summary.metric)
    accuracy = view.write(best.control_accuracy)
    text += f"\nbest control {view.name} {accuracy} after epoch {best.epoch}"
    if summary.outcome is not None and summary.outcome.score is not None:
        text += f"; score {summary.outcome.score:.1f}"
        text += " points" if view.point else ""
    return Text(text)
