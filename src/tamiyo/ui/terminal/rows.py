"""The line of an epoch: measures in fixed columns, then one column per slot, as long as fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.text import Text

from tamiyo.ui.formatting import format_count, format_growth
from tamiyo.ui.terminal.stages import SlotCell, describe_slot
from tamiyo.ui.terminal.symbols import Symbols

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.contracts import EpochReport, HostReport, SlotReport

__all__ = ["RowLayout", "choose_layout"]

_GAP: Final = "  "
_MEASURES_WIDTH: Final = len("   62.4 % ^ 1.2   1.203    8,234  +0.0 %")
_LEVEL_BELOW_POINTS: Final = 0.05
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
    """

    epochs: int
    width: int
    cell: str
    cell_width: int
    symbols: Symbols

    @property
    def header(self) -> Text:
        """The names of the columns."""
        names = f"{'accuracy':<13}{_GAP}{'loss':>6}{_GAP}{'parameters':>15}{_GAP}slots"
        return Text(f"{'epoch':>{_epoch_width(self.epochs)}}{_GAP}{names}", style="dim")

    def start_row(self, epoch: int) -> Text:
        """Return the first column, which every line of an epoch begins with."""
        number = f"{epoch}/{self.epochs}".rjust(_epoch_width(self.epochs))
        return Text.assemble(number, _GAP)

    def build_row(self, measured: EpochReport, host: HostReport, before: float | None) -> Text:
        """Build the line of one epoch.

        Args:
            measured: What the epoch measured.
            host: The host after it.
            before: Control accuracy before it, percent; ``None`` for the first line.
        """
        size = format_count(host.parameters)
        growth = format_growth(host.parameters, host.host_parameters)
        row = self.start_row(measured.epoch)
        row.append(f"{measured.control_accuracy:5.1f} % ", style="bold")
        row.append(*self._describe_change(measured.control_accuracy, before))
        row.append(f"{_GAP}{measured.control_loss:6.3f}{_GAP}{size:>7} {growth:>7}")
        self._append_cells(row, [describe_slot(slot) for slot in host.slots])
        row.rstrip()
        return row

    def _describe_change(self, accuracy: float, before: float | None) -> tuple[str, str]:
        if before is None:
            return " " * 5, ""
        change = accuracy - before
        if abs(change) < _LEVEL_BELOW_POINTS:
            return f"{self.symbols.level}{0:4.1f}", "dim"
        if change < 0:
            return f"{self.symbols.down}{-change:4.1f}", "red"
        return f"{self.symbols.up}{change:4.1f}", "green"

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


def choose_layout(
    slots: Sequence[SlotReport], *, epochs: int, width: int, symbols: Symbols
) -> RowLayout:
    """Choose the longest cells that fit the width whatever the slots come to hold.

    Args:
        slots: The host's slots, with the blueprints each could hold.
        epochs: Epochs of the run.
        width: Characters a line may have.
        symbols: Signs the console can show.
    """
    names = {blueprint.name for slot in slots for blueprint in slot.blueprint_parameters}
    slot_width = max((len(slot.slot_id) for slot in slots), default=0)
    short = slot_width + _SHORT_WIDTH
    full = short + 1 + max((len(name) for name in names), default=0)
    free = width - _epoch_width(epochs) - _MEASURES_WIDTH
    cell, cell_width = "letter", slot_width + _LETTER_WIDTH
    for name, candidate in (("full", full), ("short", short)):
        if len(slots) * (len(_GAP) + candidate) <= free:
            cell, cell_width = name, candidate
            break
    return RowLayout(epochs=epochs, width=width, cell=cell, cell_width=cell_width, symbols=symbols)


def _epoch_width(epochs: int) -> int:
    return max(len("epoch"), 2 * len(str(epochs)) + 1)
