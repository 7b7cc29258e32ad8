"""Watch a run: follow its log and show how it stands until it ends, or somebody has seen enough."""

from __future__ import annotations

from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Final

from rich.live import Live

from tamiyo.telemetry import LiveFollower
from tamiyo.ui.dashboard.keys import KeyReader
from tamiyo.ui.dashboard.page import build_page, describe_state
from tamiyo.ui.dashboard.view import View
from tamiyo.ui.terminal.symbols import choose_symbols

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from tamiyo.telemetry import LiveState

__all__ = ["RunWatcher"]

_POLL_SECONDS: Final = 0.25
_PICTURE_SECONDS: Final = 0.5
_LINE_SECONDS: Final = 10.0


class RunWatcher:
    """Follows the log of a run.

    Args:
        log: The log; it need not exist yet.
        console: Where to show it.
    """

    def __init__(self, log: Path, console: Console) -> None:
        self._run = LiveFollower(log)
        self._console = console

    def show(self, *, until_end: bool) -> None:
        """Fill the terminal until ``q`` is pressed.

        Args:
            until_end: Whether to stop when the run is over.

        Raises:
            ArtifactError: If the log cannot be read or is of another version.
        """
        symbols = choose_symbols(self._console)
        view = View(width=1, height=1, symbols=symbols)
        shown = self._run.freeze()
        with (
            KeyReader() as keys,
            Live(console=self._console, screen=True, auto_refresh=False) as live,
        ):
            while not view.is_asked_to_end:
                state = self._catch_up()
                if not view.is_paused:
                    shown = state
                width, height = self._console.size
                view = replace(view, width=width, height=height, notes=self._list_notes(state))
                live.update(build_page(shown, view), refresh=True)
                if until_end and self._is_over(state):
                    break
                for key in keys.wait(0.0 if self._run.log.has_more else _PICTURE_SECONDS):
                    view = view.press(key, len(state.environments))
        self._console.print(describe_state(shown), soft_wrap=True, markup=False, highlight=False)

    def print_lines(self, *, until_end: bool) -> None:
        """Print a line whenever something changed, at most every ten seconds.

        Args:
            until_end: Whether to stop when the run is over; else only an interruption ends it.

        Raises:
            ArtifactError: As :meth:`show`.
        """
        last, due = "", 0.0
        with KeyReader() as keys:
            while True:
                state = self._catch_up()
                over = until_end and self._is_over(state)
                line = "; ".join([describe_state(state), *self._list_notes(state)])
                if line != last and (over or monotonic() >= due):
                    self._console.print(line, soft_wrap=True, markup=False, highlight=False)
                    last, due = line, monotonic() + _LINE_SECONDS
                if over:
                    return
                keys.wait(0.0 if self._run.log.has_more else _POLL_SECONDS)

    def _catch_up(self) -> LiveState:
        """Take in a portion of what is new."""
        self._run.take()
        return self._run.freeze()

    def _is_over(self, state: LiveState) -> bool:
        """Say whether the run has ended; a stop in the middle of its log is no end."""
        return (state.is_finished or state.is_interrupted) and not self._run.log.has_more

    def _list_notes(self, state: LiveState) -> tuple[str, ...]:
        """Say what of the log is missing."""
        notes = []
        log = self._run.log
        if log.has_more:
            notes.append(f"reading, {state.events} events so far")
        if log.damaged_count:
            first = log.damaged_lines[0]
            notes.append(
                f"{log.damaged_count} damaged lines left out, the first is line {first.number}"
            )
        if log.is_torn:
            notes.append(
                "the last line is not complete: it is being written, or its writer is gone"
            )
        return tuple(notes)
