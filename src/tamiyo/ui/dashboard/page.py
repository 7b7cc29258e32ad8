"""The whole dashboard as lines that fit a terminal, and the same in a few plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from tamiyo.ui.dashboard.heading import (
    build_alarms,
    build_heading,
    describe_condition,
    describe_progress,
)
from tamiyo.ui.dashboard.host import build_decisions, build_host, describe_end, describe_host
from tamiyo.ui.dashboard.learning import build_learning, write_number

if TYPE_CHECKING:
    from tamiyo.telemetry import LiveState
    from tamiyo.ui.dashboard.view import View

__all__ = ["build_page", "describe_state"]

_KEYS: Final = "left/right or 1-9 environment   space pause   q quit"
_FEWEST_DECISIONS: Final = 4
_ALARMS: Final = 3


def build_page(state: LiveState, view: View) -> Text:
    """Build what fills the terminal.

    What does not fit is left out from the bottom up, the keys apart: first decisions, then other
    environments.

    Args:
        state: The run as it stands.
        view: What is shown and how; its ``chosen`` may lie beyond the environments there are.
    """
    lines = [*build_heading(state, view), *build_alarms(state, view, most=_ALARMS)]
    if state.learning is not None:
        lines += [Text(""), *build_learning(state.learning, view)]
    hosts = state.environments
    for offset in range(len(hosts)):
        position = (view.chosen + offset) % len(hosts)
        host = hosts[position]
        block = [
            Text(""),
            *build_host(
                host,
                view,
                position=position + 1,
                count=len(hosts),
                is_training=state.learning is not None,
            ),
        ]
        free = view.height - 1 - len(lines) - len(block)
        if offset and free < _FEWEST_DECISIONS:
            break
        lines += [*block, *build_decisions(host, most=free if len(hosts) == 1 else min(free, 6))]
    lines = lines[: view.height - 1]
    lines += [Text("")] * (view.height - 1 - len(lines))
    lines.append(Text(_KEYS, style="dim"))
    for line in lines:
        line.rstrip()
        line.truncate(view.width, overflow="ellipsis" if view.symbols.up == "▲" else "crop")
    return Text("\n").join(lines)


def describe_state(state: LiveState) -> str:
    """Describe a run in one line, for what is not a terminal."""
    parts = [describe_condition(state)[0]]
    if state.total is not None:
        parts.append(describe_progress(state))
    if state.learning is not None:
        parts += [
            f"{curve.name} {write_number(curve.values[-1])}" for curve in state.learning.curves[:2]
        ]
    elif state.environments:
        host = state.environments[0]
        parts.append(describe_host(host, is_training=False))
        stages = [f"{slot.slot_id} {(slot.stage or 'free').lower()}" for slot in host.slots]
        parts += [*stages, *([describe_end(host)] if host.is_over else [])]
    if state.alarm_count:
        parts.append(f"alarms: {state.alarm_count}, the last: {state.alarms[-1].message}")
    return "; ".join(parts)
