"""``tamiyo watch``: a run as it goes on, in the terminal."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from rich.console import Console
from tyro.conf import Positional, arg

from tamiyo.cli.flags import read_flags
from tamiyo.cli.records.log_path import locate_log
from tamiyo.ui import RunWatcher

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["WatchArguments", "run"]

_EXAMPLES: Final = """\
  tamiyo watch runs/train-digits-cnn-0
      while it trains in another terminal, or after it ended; q ends
  tamiyo watch runs/train-digits-cnn-0 --until-end
      ends with the run
  tamiyo watch runs/train-digits-cnn-0 --plain --until-end >> watched.txt
      a line now and then, for a file"""


@dataclass(frozen=True, kw_only=True)
class WatchArguments:
    """Show a run as it goes on; only its event log is read.

    Attributes:
        run: A run folder, or an event log; it need not be there yet.
        plain: Print lines instead of filling the terminal; so it is too where there is no terminal.
        until_end: End when the run is over.
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    plain: bool = False
    until_end: bool = False


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        TamiyoError: If the log cannot be read, or is of another version.
    """
    arguments = read_flags(WatchArguments, words, command="watch", examples=_EXAMPLES)
    console = Console()
    watcher = RunWatcher(locate_log(arguments.run), console)
    with suppress(KeyboardInterrupt):  # who watches has seen enough: nothing was cut short
        if arguments.plain or not console.is_terminal:
            watcher.print_lines(until_end=arguments.until_end or not console.is_terminal)
        else:
            watcher.show(until_end=arguments.until_end)
