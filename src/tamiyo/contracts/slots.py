"""Slot ids: where in a host a seed can live, written ``r{row}c{col}``."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tamiyo.contracts.errors import SlotIdError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["parse_slot_id", "sort_slot_ids"]

_PATTERN: Final = re.compile(r"r(0|[1-9][0-9]*)c(0|[1-9][0-9]*)", re.ASCII)


def parse_slot_id(slot_id: str) -> tuple[int, int]:
    """Read row and column of a slot id.

    Args:
        slot_id: Canonical form only: no sign, no leading zero, no surrounding space.

    Returns:
        ``(row, column)``, both zero-based.

    Raises:
        SlotIdError: If the id is not canonical.

    >>> parse_slot_id("r0c2")
    (0, 2)
    """
    match = _PATTERN.fullmatch(slot_id)
    if match is None:
        message = f"slot id must look like r0c0 (row and column, no leading zeros), got {slot_id!r}"
        raise SlotIdError(message)
    return int(match[1]), int(match[2])


def sort_slot_ids(slot_ids: Iterable[str]) -> tuple[str, ...]:
    """Sort slot ids by row, then column, and refuse duplicates.

    Raises:
        SlotIdError: If an id is not canonical, given twice, or there is none.
    """
    ordered = sorted(slot_ids, key=parse_slot_id)
    if not ordered:
        message = "slots must name at least one slot, got none"
        raise SlotIdError(message)
    for slot_id, following in pairwise(ordered):
        if slot_id == following:
            message = f"slots must be unique, got {slot_id!r} twice"
            raise SlotIdError(message)
    return tuple(ordered)
