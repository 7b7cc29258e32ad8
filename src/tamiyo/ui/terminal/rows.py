"""The line of an epoch: measures in fixed columns, then one column per slot, as long as fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.text import Text

from tamiyo.ui.formatting import format_count, format_growth, format_like
from tamiyo.ui.metric import MetricView
from tamiyo.ui.terminal.stages import SlotCell, describe_slot
from tamiyo.ui.terminal.symbols import Symbols

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import EpochReport, HostReport, RunStarted

__all__ = ["RowLayout", "choose_layout"]

_GAP: Final = "  "
_LOSS_WIDTH: Final = len(" 1.203")
_SIZE_WIDTH: Final = len("  8,234  +0.0 %")
_LONGEST_METRIC_NAME: Final = 16
_SHORT_WIDTH: Final = len(" FOSSIL 0.40")
_LETTER_WIDTH: Final = len(" B.40")


@dataclass(frozen=True, kw_only=True)
class RowLayout:
    """Where everything in a line stands.

    Attributes:
        epochs: Epochs of the run.
        width: Characters a line may have.
        cell: Which form of :class:`SlotCell` is shown: ``full``, ``short`` or ``letter``.
        cell_width: Characters of a slot's column.
        symbols: Signs the console can show.
        metric: What the network is judged by.
        metric_width: Characters of the metric's column, its change included.
        initial_loss: Loss before training; it decides how exactly losses are written.
        loss_width: Characters of the loss's column.
    """

    epochs: int
    width: int
    cell: str
    cell_width: int
    symbols: Symbols
    metric: MetricView
    metric_width: int
    initial_loss: float
    loss_width: int

    @property
    def header(self) -> Text:
        """The names of the columns."""
        columns = (
            f"{'epoch':>{_epoch_width(self.epochs)}}",
            f"{self.metric.name[: self.metric_width]:<{self.metric_width}}",
            f"{'loss':>{self.loss_width}}",
            f"{'parameters':>{_SIZE_WIDTH}}",
            "slots",
        )
        return Text(_GAP.join(columns), style="dim")

    def start_row(self, epoch: int) -> Text:
        """Return the first column, which every line of an epoch begins with."""
        number = f"{epoch}/{self.epochs}".rjust(_epoch_width(self.epochs))
        return Text.assemble(number, _GAP)

    def build_row(self, measured: EpochReport, host: HostReport, before: float | None) -> Text:
        """Build the line of one epoch.

        Args:
            measured: What the epoch measured.
            host: The host after it.
            before: Control accuracy before it, points; ``None`` for the first line.
        """
        size = format_count(host.parameters)
        growth = format_growth(host.parameters, host.host_parameters)
        loss = format_like(measured.control_loss, self.initial_loss)
        row = self.start_row(measured.epoch)
        begin = row.cell_len
        accuracy = self.metric.write(measured.control_accuracy)
        row.append(f"{accuracy:>{self.metric.widths[0]}} ", style="bold")
        row.append(*self._describe_change(measured.control_accuracy, before))
        row.pad_right(begin + self.metric_width - row.cell_len)
        row.append(f"{_GAP}{loss:>{self.loss_width}}{_GAP}{size:>7} {growth:>7}")
        self._append_cells(row, [describe_slot(slot) for slot in host.slots])
        row.rstrip()
        return row

    def _describe_change(self, accuracy: float, before: float | None) -> tuple[str, str]:
        """Show where the number went by the arrow, and what that is worth by the color."""
        width = self.metric.widths[1]
        if before is None:
            return " " * (1 + width), ""
        text = self.metric.write_change(accuracy - before)
        if text == self.metric.write_change(0):
            return f"{self.symbols.level}{text:>{width}}", "dim"
        is_lower = self.metric.show(accuracy) < self.metric.show(before)
        arrow = self.symbols.down if is_lower else self.symbols.up
        return f"{arrow}{text:>{width}}", "red" if accuracy < before else "green"

    def _append_cells(self, row: Text, cells: Sequence[SlotCell]) -> None:
        """Append the cells; those that do not fit go on in a line of their own below the first."""
        indent = used = row.cell_len
        for cell in cells:
            text: str = getattr(cell, self.cell)
            if used + len(_GAP) + len(text) > self.width and used > indent:
                row.rstrip()
                row.append("\n" + " " * indent)
                used = indent
            row.append(_GAP)
            row.append(text.ljust(self.cell_width), style=cell.style)
            used += len(_GAP) + self.cell_width


def choose_layout(start: RunStarted, *, width: int, symbols: Symbols) -> RowLayout:
    """Choose the longest cells that fit the width whatever the slots come to hold.

    Args:
        start: What is known as a run begins: its epochs, its metric and the host's slots, with the
            blueprints each could hold.
        width: Characters a line may have.
        symbols: Signs the console can show.
    """
    slots, metric = start.host.slots, MetricView(start.metric)
    initial_loss = start.initial.control_loss
    metric_name = min(len(metric.name), _LONGEST_METRIC_NAME)
    metric_width = max(sum(metric.widths) + len(" ^"), metric_name)
    loss_width = max(_LOSS_WIDTH, len(format_like(initial_loss, initial_loss)))
    names = {blueprint.name for slot in slots for blueprint in slot.blueprint_parameters}
    slot_width = max((len(slot.slot_id) for slot in slots), default=0)
    short = slot_width + _SHORT_WIDTH
    full = short + 1 + max((len(name) for name in names), default=0)
    measures = metric_width + loss_width + _SIZE_WIDTH + 3 * len(_GAP)
    free = width - _epoch_width(start.epochs) - measures
    cell, cell_width = "letter", slot_width + _LETTER_WIDTH
    for name, candidate in (("full", full), ("short", short)):
        if len(slots) * (len(_GAP) + candidate) <= free:
            cell, cell_width = name, candidate
            break
    return RowLayout(
        epochs=start.epochs,
        width=width,
        cell=cell,
        cell_width=cell_width,
        symbols=symbols,
        metric=metric,
        metric_width=metric_width,
        initial_loss=initial_loss,
        loss_width=loss_width,
    )


def _epoch_width(epochs: int) -> int:
    return max(len("epoch"), 2 * len(str(epochs)) + 1)
