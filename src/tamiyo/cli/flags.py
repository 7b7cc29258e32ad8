"""Read a command's options from its record of arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import tyro

__all__ = ["read_flags"]

_T = TypeVar("_T")


def read_flags(record: type[_T], words: Sequence[str], *, command: str, examples: str) -> _T:
    """Fill a dataclass from command-line words.

    Args:
        record: The dataclass; its fields are the options, its docstring their help.
        words: The words after the command.
        command: Name of the command.
        examples: Lines to show at the end of ``--help``.

    Returns:
        The filled record. ``--help`` exits with 0, an unknown or malformed option with 2.
    """
    return tyro.cli(
        record,
        args=words,
        prog=f"tamiyo {command}",
        description=f"{(record.__doc__ or '').splitlines()[0]}\n\nexamples:\n{examples}",
    )
