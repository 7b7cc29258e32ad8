"""How the engine's benchmark is shown: tables, and two pictures."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Final

from support.racing import PHASES

from tamiyo.ui.report import palette
from tamiyo.ui.report.canvas import write_picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.figure import Figure
    from support.lowerings import LayerRow
    from support.racing import Row

_SIZE_INCHES: Final = (8.0, 4.2)
_PLACE: Final = (0.085, 0.13, 0.58, 0.8)
_COLORS: Final = (
    palette.ACCURACY,
    palette.ROLLBACK,
    palette.KEPT,
    palette.BORN,
    palette.TWIN,
    palette.REMOVED,
)


@dataclass(frozen=True, kw_only=True)
class Fact:
    """One measured number.

    Attributes:
        name: What it is.
        value: The number.
        unit: Its unit.
        at_most: What it is to be at most; ``None`` if nothing was promised.
    """

    name: str
    value: float
    unit: str
    at_most: float | None = None

    @property
    def verdict(self) -> str:
        """The target, and whether it was reached."""
        if self.at_most is None:
            return ""
        return f"<= {self.at_most:g} {'reached' if self.value <= self.at_most else 'MISSED'}"


def list_table(rows: Sequence[Row]) -> list[str]:
    """Lay rows out as a Markdown table."""
    lines = [
        "| what | environments | reference, ms | ours, ms | times faster | target | peak, % | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for group, own in groupby(rows, key=attrgetter("group")):
        lines.append(f"| **{group}** | | | | | | | |")
        lines += [_list_row(row) for row in own]
    return lines


def list_phases(rows: Sequence[Row]) -> list[str]:
    """Lay out what each phase costs as a Markdown table."""
    lines = [f"| what | environments | {' | '.join(PHASES)} |", "|---" * (2 + len(PHASES)) + "|"]
    for row in rows:
        if row.phases:
            numbers = " | ".join(f"{row.phases[phase]:.3f}" for phase in PHASES)
            lines.append(f"| {row.name} | {row.environments} | {numbers} |")
    return lines


def list_facts(facts: Sequence[Fact]) -> list[str]:
    """Lay out single numbers as a Markdown table."""
    lines = ["| what | | target |", "|---|---|---|"]
    lines += [f"| {one.name} | {one.value:,.2f} {one.unit} | {one.verdict} |" for one in facts]
    return lines


def list_layers(rows: Sequence[LayerRow]) -> list[str]:
    """Lay out the lowerings as a Markdown table; the chosen one is bold."""
    names = list(dict.fromkeys(name for row in rows for name in row.lowered))
    lines = [f"| convolution | plain | {' | '.join(names)} |", "|---" * (2 + len(names)) + "|"]
    for row in rows:
        cells = []
        for name in names:
            number = f"{row.lowered[name]:.2f}" if name in row.lowered else ""
            cells.append(f"**{number}**" if name == row.chosen else number)
        lines.append(f"| {row.shape} | {row.plain:.2f} | {' | '.join(cells)} |")
    return lines


def draw_speed(rows: Sequence[Row], path: Path) -> None:
    """Draw how many times faster populations train, over their size."""

    def draw(figure: Figure) -> None:
        axes = figure.add_axes(_PLACE)
        names = list(dict.fromkeys(row.name for row in rows))
        for name, color in zip(names, _COLORS, strict=False):
            own = [row for row in rows if row.name == name]
            sizes = [row.environments for row in own]
            axes.plot(sizes, [row.faster for row in own], "o-", color=color, label=name)
        axes.axhline(1.0, color=palette.COMMITTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.set_xscale("log", base=2)
        axes.set_xticks(sizes := sorted({row.environments for row in rows}), map(str, sizes))
        axes.set_ylim(bottom=0)
        axes.set_xlabel("environments")
        axes.set_ylabel("times faster than one after the other, CPU time")
        axes.grid(visible=True, color=palette.GRID, linewidth=0.6)
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))

    write_picture(draw, path, size_inches=_SIZE_INCHES)


def draw_phases(rows: Sequence[Row], path: Path) -> None:
    """Draw what an epoch costs an environment, phase by phase, over the size of its population."""

    def draw(figure: Figure) -> None:
        axes = figure.add_axes(_PLACE)
        labels = [str(row.environments) for row in rows]
        bottoms = [0.0] * len(rows)
        for phase, color in zip(PHASES, _COLORS, strict=False):
            heights = [row.phases[phase] for row in rows]
            axes.bar(labels, heights, bottom=bottoms, color=color, label=phase, width=0.6)
            bottoms = [bottom + height for bottom, height in zip(bottoms, heights, strict=True)]
        axes.set_xlabel(f"environments, {rows[0].name}")
        axes.set_ylabel("CPU milliseconds, an environment's epoch")
        axes.grid(visible=True, axis="y", color=palette.GRID, linewidth=0.6)
        axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))

    write_picture(draw, path, size_inches=_SIZE_INCHES)


def _list_row(row: Row) -> str:
    peak = "" if row.peak is None else f"{100 * row.peak:.1f}"
    numbers = f"{row.reference:.2f} | {row.ours:.2f} | {row.faster:.2f}"
    return (
        f"| {row.name} | {row.environments} | {numbers} | {row.verdict} | {peak} | {row.remark} |"
    )
