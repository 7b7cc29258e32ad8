"""The growth picture: accuracy, parameters and what every slot held, over the epochs of a run.

Epoch *e* lies between *e* - 1 and *e*: a measurement after it stands at *e*, what was decided
for it at *e* - 1, so that an effect always stands to the right of its cause.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamiyo.ui.formatting import format_count, format_growth
from tamiyo.ui.metric import MetricView
from tamiyo.ui.report import palette
from tamiyo.ui.report.accuracy import draw_accuracy, draw_parameters
from tamiyo.ui.report.canvas import write_picture
from tamiyo.ui.report.lanes import draw_lanes

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from tamiyo.telemetry import RunSummary

__all__ = ["draw_growth_picture"]

_WIDTH_INCHES: Final = 10.0
_TOP_INCHES, _PARAMETERS_INCHES, _LANE_INCHES, _MARGIN_INCHES = 2.9, 0.75, 0.42, 1.3
_SMALLEST_LANES_INCHES: Final = 1.26
_TITLE_INCHES, _BOTTOM_INCHES = 0.72, 0.48
_LEFT, _RIGHT = 0.085, 0.815


def draw_growth_picture(summary: RunSummary, path: Path) -> None:
    """Write the picture of a run as a PNG; equal summaries give equal bytes.

    Args:
        summary: The run, finished or not.
        path: The file to write; it is replaced if it exists.

    Raises:
        ConfigError: If matplotlib, the extra ``plot``, is not installed.
    """
    lanes = max(_SMALLEST_LANES_INCHES, _LANE_INCHES * len(summary.slot_ids))
    height = _TOP_INCHES + _PARAMETERS_INCHES + lanes + _MARGIN_INCHES

    def draw(figure: Figure) -> None:
        _draw_panels(figure, summary, lanes_inches=lanes)
        _draw_title(figure, summary)

    write_picture(draw, path, size_inches=(_WIDTH_INCHES, height))


def _draw_panels(figure: Figure, summary: RunSummary, *, lanes_inches: float) -> None:
    from matplotlib.ticker import MaxNLocator

    height = figure.get_figheight()
    grid = figure.add_gridspec(
        3,
        1,
        height_ratios=[_TOP_INCHES, _PARAMETERS_INCHES, lanes_inches],
        left=_LEFT,
        right=_RIGHT,
        top=1 - _TITLE_INCHES / height,
        bottom=_BOTTOM_INCHES / height,
        hspace=0.1,
    )
    top = figure.add_subplot(grid[0])
    middle = figure.add_subplot(grid[1], sharex=top)
    bottom = figure.add_subplot(grid[2], sharex=top)
    top.set_xlim(0, summary.epochs)
    top.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True))
    for panel, draw in ((top, draw_accuracy), (middle, draw_parameters), (bottom, draw_lanes)):
        draw(panel, summary)
        if summary.closing_epoch is not None:
            begin = summary.closing_epoch - 1
            panel.axvspan(begin, summary.final.epoch, color=palette.CLOSING, lw=0, zorder=-1)
        panel.tick_params(labelbottom=panel is bottom)
    bottom.set_xlabel("epoch")
    figure.align_ylabels([top, middle])


def _draw_title(figure: Figure, summary: RunSummary) -> None:
    height = figure.get_figheight()
    title = f"{summary.task}, {summary.controller}, seed {summary.seed}"
    growth = format_growth(summary.parameters, summary.host_parameters)
    size = f"{format_count(summary.parameters)} parameters ({growth})"
    outcome, view = summary.outcome, MetricView(summary.metric)
    if outcome is None:
        state = f"after {summary.final.epoch} of {summary.epochs} epochs"
        numbers = f"{state}: {view.write_result(None, summary.final.control_accuracy)}, {size}"
    else:
        kept = f"{len(summary.fossils)} of {len(summary.germinations)} seeds kept"
        ended = f", interrupted after epoch {outcome.epochs}" if outcome.interrupted else ""
        reached = view.write_result(outcome.test_accuracy, outcome.control_accuracy)
        numbers = f"{reached}, {size}, {kept}{ended}"
    figure.text(_LEFT, 1 - 0.24 / height, title, fontsize=12, fontweight="bold", va="center")
    figure.text(_LEFT, 1 - 0.47 / height, numbers, fontsize=9, va="center")
