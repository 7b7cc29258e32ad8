"""The head of the dashboard: which run, how far, how fast, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from tamiyo.ui.dashboard.bars import draw_bar
from tamiyo.ui.formatting import format_count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.telemetry import LiveState
    from tamiyo.ui.dashboard.view import View

__all__ = ["build_alarms", "build_heading", "describe_condition", "describe_progress"]

_WIDEST_BAR: Final = 40
_MINUTE, _HOUR = 60, 3600


def build_heading(state: LiveState, view: View) -> Iterator[Text]:
    """Build the first lines."""
    word, style = describe_condition(state)
    if view.is_paused:
        word, style = "paused", "bold yellow"
    left = _describe_title(state)
    room = max(1, view.width - len(left) - len(word))
    yield Text.assemble((left, "bold"), " " * room, (word, style))
    if state.total is None:
        return
    width = min(_WIDEST_BAR, view.width // 3)
    bar = draw_bar(state.done / max(1, state.total), width, view.symbols)
    style = "green" if state.is_finished else "cyan"
    yield Text.assemble((bar, style), " ", describe_progress(state))
    if state.rates is not None:
        shares = "  ".join(f"{name} {share:.0%}" for name, share in state.rates.phases.items())
        yield Text.assemble(
            f"{state.rates.steps_per_second:,.1f} steps/s", ("   time: ", "dim"), shares
        )


def build_alarms(state: LiveState, view: View, *, most: int) -> Iterator[Text]:
    """Build the alarms, the newest first, and what is missing in the log."""
    for note in view.notes:
        yield Text.assemble(("log ", "bold yellow"), note)
    if not state.alarm_count:
        yield Text("no alarms", style="dim")
        return
    unit = "step" if state.unit == "steps" else "epoch"
    for alarm in list(reversed(state.alarms))[:most]:
        place = f"{unit} {format_count(alarm.place)}: "
        yield Text.assemble(("alarm ", "bold red"), (place, "dim"), alarm.message)
    hidden = state.alarm_count - min(most, len(state.alarms))
    if hidden > 0:
        yield Text(f"and {format_count(hidden)} alarms before", style="dim")


def describe_condition(state: LiveState) -> tuple[str, str]:
    """Return a word for how a run stands, and its style."""
    if state.kind == "nothing":
        return "waiting for the first event", "bold yellow"
    if state.is_finished:
        return "finished", "bold green"
    if state.is_interrupted:
        return "stopped before its end", "bold yellow"
    return "running", "bold cyan"


def describe_progress(state: LiveState) -> str:
    """Say how far a run is, ``12,800 of 51,200 steps (25 %), 8 min left``."""
    if state.total is None:
        return "not begun"
    share = state.done / max(1, state.total)
    text = f"{format_count(state.done)} of {format_count(state.total)} {state.unit} ({share:.0%})"
    left = None if state.rates is None else state.rates.seconds_left
    if left is not None and not state.is_interrupted:
        text += f", {_write_time(left)} left"
    return text


def _describe_title(state: LiveState) -> str:
    if state.kind == "nothing":
        return "no run yet"
    what = "training on" if state.kind == "training" else f"{state.controller} on"
    envs = "" if state.learning is None else f", {state.learning.num_envs} environments"
    return f"{what} {state.title}, seed {state.seed}{envs}"


def _write_time(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    return f"{seconds / _HOUR:.1f} h"
