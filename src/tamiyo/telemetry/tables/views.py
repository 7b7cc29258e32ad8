"""What is asked for so often that it has a name: rewards with their sum."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

from tamiyo.contracts import RewardPaid, RewardParts
from tamiyo.telemetry.tables.layout import Column

__all__ = ["VIEWS", "View"]


@dataclass(frozen=True, kw_only=True)
class View:
    """A table that is computed from another one, row by row.

    Attributes:
        name: Its name in SQL.
        table: The table it is computed from.
        columns: Its columns.
        expressions: How each column is computed.
    """

    name: str
    table: str
    columns: tuple[Column, ...]
    expressions: tuple[str, ...]


def _build_rewards() -> View:
    places = ("environment", "episode", "epoch")
    parts = [item.name for item in fields(RewardParts)]
    sources = [f"parts_{name}" for name in parts]
    return View(
        name="rewards",
        table=RewardPaid.__name__,
        columns=(
            *(Column(name=name, kind="INTEGER") for name in places),
            Column(name="reward", kind="REAL"),
            *(Column(name=name, kind="REAL") for name in parts),
        ),
        expressions=(*places, " + ".join(sources), *sources),
    )


VIEWS: Final = (_build_rewards(),)
"""Every view."""
