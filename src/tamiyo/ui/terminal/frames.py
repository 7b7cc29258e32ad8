"""The frame that tables have in a terminal."""

from __future__ import annotations

from rich import box
from rich.table import Table

__all__ = ["start_table"]


def start_table(*columns: str | tuple[str, str]) -> Table:
    """Begin a table with a rule below its head.

    Args:
        columns: Names of its columns, whose cells stand at the right and do not wrap; a pair says
            the side as well, ``left`` or ``right``.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    for column in columns:
        name, side = column if isinstance(column, tuple) else (column, "right")
        table.add_column(name, justify="left" if side == "left" else "right", no_wrap=True)
    return table
