"""Tables for the end: what a run came to, and how several ways to a network compare."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

from tamiyo.telemetry import RunSummary
from tamiyo.ui.formatting import format_count, format_growth, format_si
from tamiyo.ui.terminal.symbols import Symbols, choose_symbols

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult

    from tamiyo.contracts import ComparisonRow, PairedDifference
    from tamiyo.telemetry import FossilRow

__all__ = ["render_compare_table", "render_result_table"]

_UNKNOWN = "-"


def render_result_table(summary: RunSummary) -> ConsoleRenderable:
    """Show what a run came to: host and final network, then each seed that was kept.

    Args:
        summary: The run, finished or not.

    Returns:
        What ``Console.print`` takes; it suits itself to the console's width and encoding.
    """
    return _ResultTable(summary)


def render_compare_table(rows: Sequence[ComparisonRow]) -> Table:
    """Show rows below each other; the reference, which differs from nothing, has no difference.

    Args:
        rows: The rows in the order to show them.

    Returns:
        What ``Console.print`` takes.
    """
    table = _start_table(
        ("", "left"), "score", "difference [95 %]", "test", "param.", "mult-adds", "kept"
    )
    # Names of static networks are long; on a narrow console they wrap and every number stays whole.
    table.columns[0].no_wrap = False
    for row in rows:
        is_reference = row.difference == row.low == row.high == 0
        interval = f"{row.difference:+.1f} [{row.low:+.1f}, {row.high:+.1f}]"
        table.add_row(
            row.name,
            f"{row.score:.1f}",
            _UNKNOWN if is_reference else interval,
            _percent(row.test_accuracy),
            format_count(row.parameters),
            format_si(row.multiply_adds),
            f"{row.fossils:g}",
        )
    return table


@dataclass(frozen=True)
class _ResultTable:
    summary: RunSummary

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        yield _describe_run(self.summary)
        yield _build_networks_table(self.summary)
        yield Text()
        if self.summary.fossils:
            yield _build_fossils_table(self.summary, choose_symbols(console))
            worth = _name_worth(self.summary)
            yield Text(
                f"{worth}: what switching the seed off would cost: dependence, not gain", "dim"
            )
            yield Text()
        yield _describe_growth(self.summary)


def _start_table(*columns: str | tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        name, side = column if isinstance(column, tuple) else (column, "right")
        table.add_column(name, justify="left" if side == "left" else "right", no_wrap=True)
    return table


def _describe_run(summary: RunSummary) -> Text:
    outcome = summary.outcome
    if outcome is None:
        state = f"{summary.final.epoch} of {summary.epochs} epochs so far"
    elif outcome.interrupted:
        state = f"interrupted after {outcome.epochs} of {summary.epochs} epochs"
    else:
        state = f"{outcome.epochs} epochs"
    name = f"{summary.task}, {summary.controller}, seed {summary.seed}"
    return Text.assemble((name, "bold"), f": {state}")


def _build_networks_table(summary: RunSummary) -> Table:
    table = _start_table(("", "left"), "parameters", "growth", "control", "test", "multiply-adds")
    outcome = summary.outcome
    table.add_row(
        "host before training",
        format_count(summary.host_parameters),
        "",
        _percent(summary.initial.control_accuracy),
        _UNKNOWN,
        _UNKNOWN,
    )
    if summary.twin is not None:
        table.add_row(
            "host alone",
            format_count(summary.twin.parameters),
            "",
            _percent(summary.twin.control_accuracies[-1]),
            _percent(summary.twin.test_accuracy),
            format_si(summary.twin.multiply_adds),
        )
    table.add_row(
        "network now" if outcome is None else "final network",
        format_count(summary.parameters),
        format_growth(summary.parameters, summary.host_parameters),
        _percent(summary.final.control_accuracy),
        _UNKNOWN if outcome is None else _percent(outcome.test_accuracy),
        format_si(summary.multiply_adds),
        style="bold",
    )
    return table


def _build_fossils_table(summary: RunSummary, symbols: Symbols) -> Table:
    texts = (("slot", "left"), ("blueprint", "left"), ("style", "left"))
    table = _start_table(*texts, "epochs", "parameters", _name_worth(summary))
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
    return "points on control" if summary.outcome is None else "points on test"


def _describe_worth(row: FossilRow, summary: RunSummary, symbols: Symbols) -> str:
    worth: PairedDifference | None = row.control if summary.outcome is None else row.test
    if worth is None:
        return _UNKNOWN
    return f"{worth.points:+.1f} {symbols.plus_minus} {worth.points_error:.1f}"


def _describe_growth(summary: RunSummary) -> Text:
    germinated, kept = len(summary.germinations), len(summary.fossils)
    text = f"seeds: {germinated} germinated, {kept} kept, {len(summary.pruned)} pruned"
    if summary.rollbacks:
        text += f"; rollbacks: {len(summary.rollbacks)}"
    best = summary.best
    text += f"\nbest control accuracy {best.control_accuracy:.1f} % after epoch {best.epoch}"
    if summary.outcome is not None:
        text += f"; score {summary.outcome.score:.1f}"
    return Text(text)


def _percent(value: float) -> str:
    return f"{value:.1f} %"
