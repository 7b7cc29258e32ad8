"""One host and how it grows: its course, its slots and what was decided."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from tamiyo.contracts import SeedStage
from tamiyo.ui.dashboard.bars import draw_bar, draw_sparkline
from tamiyo.ui.formatting import format_count, format_growth, format_points
from tamiyo.ui.metric import MetricView
from tamiyo.ui.terminal.stages import name_stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.telemetry import LiveDecision, LiveEnvironment, LiveSlot
    from tamiyo.ui.dashboard.view import View

__all__ = ["build_decisions", "build_host", "describe_end", "describe_host"]

_BAR_WIDTH: Final = 8
_WIDEST_CURVE: Final = 40
_COLUMNS: Final = ("slot", "stage", "blueprint", "alpha", "age", "contribution", "parameters")


def build_host(
    host: LiveEnvironment, view: View, *, position: int, count: int, is_training: bool
) -> Iterator[Text]:
    """Build the lines of one environment without its decisions.

    Args:
        host: The environment.
        view: What is shown and how.
        position: Its position among those recorded, counted from 1.
        count: How many there are.
        is_training: Whether a controller is trained on it, episode after episode.
    """
    which = f"environment {host.environment}" if is_training else "host"
    others = f" ({position} of {count} recorded)" if count > 1 else ""
    yield Text.assemble(
        (which, "bold"), (others, "dim"), "  ", describe_host(host, is_training=is_training)
    )
    view_of = MetricView(host.metric)
    accuracy = host.curves[0].values
    line = draw_sparkline(accuracy, min(_WIDEST_CURVE, view.width // 3), view.symbols)
    growth = format_growth(host.parameters, host.host_parameters)
    yield Text.assemble(
        (f"  {view_of.name} ", "dim"),
        f"{view_of.write(accuracy[-1])} ",
        (line, "cyan"),
        ("  parameters ", "dim"),
        f"{format_count(host.parameters)} ({growth})",
    )
    if host.end is not None:
        which = "  ended: " if host.is_over else "  episode before: "
        yield Text.assemble((which, "dim"), describe_end(host))
    yield from _build_slots(host.slots, view)


def build_decisions(host: LiveEnvironment, *, most: int) -> Iterator[Text]:
    """Build the last decisions, the newest first."""
    decisions = list(reversed(host.decisions))[: max(0, most - 1)]
    if not decisions:
        if most > 1:
            yield Text("  nothing decided yet but to wait", style="dim")
        return
    yield Text("  decisions, the newest first", style="dim")
    for decision in decisions:
        yield _build_decision(decision)


def describe_host(host: LiveEnvironment, *, is_training: bool) -> str:
    """Say which host it is and how far it is trained."""
    episode = f", episode {host.episode}" if is_training else ""
    return (
        f"{host.task}{episode}, epoch {host.epoch} of {host.epochs}"
        + ("" if host.reward is None else f", reward {host.reward:+.2f}")
        + (f", rollbacks: {host.rollbacks}" if host.rollbacks else "")
    )


def describe_end(host: LiveEnvironment) -> str:
    """Say how the episode, or the one before, ended; nothing if none did."""
    end = host.end
    if end is None:
        return ""
    if end.score is None:
        text = "no score"
    else:
        alone = end.host_score
        text = f"score {end.score:.2f}"
        text += "" if alone is None else f", {end.score - alone:+.2f} beyond the host alone"
    text += f", {format_count(end.parameters)} parameters"
    return text + (", diverged" if end.diverged else "")


def _build_slots(slots: tuple[LiveSlot, ...], view: View) -> Iterator[Text]:
    rows = [_list_cells(slot, view) for slot in slots]
    plain = [_COLUMNS, *(tuple(cell for cell, _ in row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*plain, strict=True)]
    header = "  ".join(name.ljust(width) for name, width in zip(_COLUMNS, widths, strict=True))
    yield Text(f"  {header}", style="dim")
    for row in rows:
        text = Text("  ")
        for (cell, style), width in zip(row, widths, strict=True):
            text.append(cell.ljust(width) + "  ", style=style)
        yield text


def _list_cells(slot: LiveSlot, view: View) -> list[tuple[str, str]]:
    word, style = name_stage(None if slot.stage is None else SeedStage[slot.stage])
    word = "free" if slot.stage is None else word
    if slot.alpha is None:
        return [(slot.slot_id, ""), (word, style), *[("", "")] * 5]
    contribution = "not measured"
    if slot.contribution is not None:
        contribution = format_points(
            slot.contribution, slot.contribution_error, view.symbols.plus_minus
        )
    return [
        (slot.slot_id, ""),
        (word, style),
        (str(slot.blueprint).lower(), ""),
        (f"{draw_bar(slot.alpha, _BAR_WIDTH, view.symbols)} {slot.alpha:.2f}", style),
        (str(slot.age_epochs), ""),
        (contribution, "" if slot.contribution is not None else "dim"),
        ("?" if slot.parameters is None else format_count(slot.parameters), ""),
    ]


def _build_decision(decision: LiveDecision) -> Text:
    what = " ".join(
        part for part in (decision.op, decision.slot_id, (decision.blueprint or "").lower()) if part
    )
    text = Text.assemble((f"  epoch {decision.epoch:>3}  ", "dim"), what)
    if decision.probability is not None and not decision.reason:
        text.append(f"  {decision.probability:.0%} probable", style="dim")
    if decision.refusal is not None:
        text.append(f"  refused: {decision.refusal}", style="red")
    if decision.reason:
        text.append(f"  {decision.reason}", style="dim")
    return text
