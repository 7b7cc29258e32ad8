"""How learning goes: curves, entropies and the figures of the last update."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text

from tamiyo.ui.dashboard.bars import draw_sparkline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tamiyo.telemetry import LiveCurve, LiveLearning
    from tamiyo.ui.dashboard.view import View

__all__ = ["build_learning", "write_number"]

_NAME_WIDTH: Final = len("divergence of the policy")
_VALUE_WIDTH: Final = 15
_WIDEST_CURVE: Final = 60


def build_learning(learning: LiveLearning, view: View) -> Iterator[Text]:
    """Build the lines of a controller's learning."""
    yield Text.assemble(("learning", "bold"), f"  {learning.updates} updates")
    for curve in learning.curves:
        yield _build_curve(curve, view)
    if learning.entropies:
        yield from _build_figures("entropy, 1 undecided", learning.entropies, view)
    if learning.losses:
        yield from _build_figures("last update", learning.losses, view)


def write_number(value: float | None) -> str:
    """Write a number of any size in a few characters; ``?`` if it is not known."""
    return "?" if value is None else f"{value:.3g}"


def _build_curve(curve: LiveCurve, view: View) -> Text:
    last = f"{curve.values[-1]:+.3g} {curve.unit}".rstrip()
    width = min(_WIDEST_CURVE, max(0, view.width - _NAME_WIDTH - _VALUE_WIDTH - 4))
    line = draw_sparkline(curve.values, width, view.symbols)
    return Text.assemble(
        (f"  {curve.name:<{_NAME_WIDTH}}", "dim"), f"{last:>{_VALUE_WIDTH}}  ", (line, "cyan")
    )


def _build_figures(name: str, figures: Mapping[str, float | None], view: View) -> Iterator[Text]:
    """Build as many lines as the figures need."""
    text = Text(f"  {name:<{_NAME_WIDTH}}  ", style="dim")
    for key, value in figures.items():
        figure = Text.assemble((f"{key} ", "dim"), (write_number(value), "not dim"), "  ")
        if text.cell_len + figure.cell_len > view.width + 2:
            yield text
            text = Text(" " * (_NAME_WIDTH + 4))
        text.append_text(figure)
    yield text
