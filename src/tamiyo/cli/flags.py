"""Read a command's options from its record of arguments."""

from __future__ import annotations

import io
from contextlib import redirect_stderr
from typing import TYPE_CHECKING, Final, TypeVar

import tyro

from tamiyo.cli.refusals import explain_refusal
from tamiyo.contracts import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["SHORT_FLAGS", "read_flags"]

SHORT_FLAGS: Final[Mapping[str, str]] = {
    "--plateau-epochs": "--heuristic.plateau-epochs-to-germinate",
}
"""Short names of flags that are asked for often."""

_LISTS: Final = ("--slots",)
_T = TypeVar("_T")


def read_flags(record: type[_T], words: Sequence[str], *, command: str, examples: str) -> _T:
    """Fill a dataclass from command-line words.

    Args:
        record: The dataclass; its fields are the options, its docstring their help.
        words: The words after the command.
        command: Name of the command.
        examples: Lines to show in ``--help``.

    Returns:
        The filled record.

    Raises:
        ConfigError: In one line, if an option is unknown, malformed, or breaks its rule.
        SystemExit: With code 0, after ``--help`` has printed the options.
    """
    printed = io.StringIO()
    try:
        with redirect_stderr(printed):
            return tyro.cli(
                record,
                args=list(_translate(words)),
                prog=f"tamiyo {command}",
                description=f"{(record.__doc__ or '').splitlines()[0]}\n\nexamples:\n{examples}",
            )
    except SystemExit as stop:
        if not stop.code:
            raise
    raise ConfigError(explain_refusal(printed.getvalue(), command))


def _translate(words: Sequence[str]) -> Iterator[str]:
    """Write short flags out, and lists with commas as one word per item."""
    is_list = False
    for word in words:
        if not word.startswith("--"):
            yield from (item for item in word.split(",") if item) if is_list else [word]
            continue
        flag, equals, value = word.partition("=")
        flag = SHORT_FLAGS.get(flag.replace("_", "-"), flag)
        is_list = flag in _LISTS
        if is_list and equals:
            yield from (flag, *value.split(","))
        else:
            yield flag + equals + value
