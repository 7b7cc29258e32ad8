"""The learning picture: what controllers earn over the steps they were trained for."""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from statistics import fmean
from typing import TYPE_CHECKING, Final

from tamiyo.ui.report import palette
from tamiyo.ui.report.canvas import write_picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LearningCurve", "draw_learning_picture"]

_SIZE_INCHES: Final = (8.0, 4.5)
_COLORS: Final = (
    palette.ACCURACY,
    palette.ROLLBACK,
    palette.KEPT,
    palette.BORN,
    palette.TWIN,
    palette.REMOVED,
)
_LABEL_GAP: Final = 0.035  # of the height, so that labels do not lie on each other


@dataclass(frozen=True, kw_only=True)
class LearningCurve:
    """One training run.

    Attributes:
        group: Runs of one group share a color, and their mean is drawn.
        steps: Environment steps at each point.
        values: What was earned there.
    """

    group: str
    steps: tuple[int, ...]
    values: tuple[float, ...]


def draw_learning_picture(
    curves: Sequence[LearningCurve],
    path: Path,
    *,
    label: str,
    references: Mapping[str, float] | None = None,
) -> None:
    """Write learning curves as a PNG: each run thin, the mean of its group thick.

    Args:
        curves: The runs; those of one group have the same steps.
        path: The file to write; it is replaced if it exists.
        label: What the values are.
        references: Name to value of what the runs are compared with, drawn as level lines.

    Raises:
        ConfigError: If matplotlib, the extra ``plot``, is not installed.
    """

    def draw(figure: Figure) -> None:
        axes = figure.add_axes((0.085, 0.12, 0.7, 0.83))
        _draw_curves(axes, curves)
        _draw_references(axes, references or {})
        axes.set_xlabel("environment steps")
        axes.set_ylabel(label)
        axes.set_xlim(left=0)
        axes.grid(visible=True, color=palette.GRID, linewidth=0.6)

    write_picture(draw, path, size_inches=_SIZE_INCHES)


def _draw_curves(axes: Axes, curves: Sequence[LearningCurve]) -> None:
    groups = list(dict.fromkeys(curve.group for curve in curves))
    for index, group in enumerate(groups):
        color = _COLORS[index % len(_COLORS)]
        runs = [curve for curve in curves if curve.group == group]
        for run in runs:
            axes.plot(run.steps, run.values, color=color, linewidth=0.6, alpha=0.45)
        means = [fmean(values) for values in zip(*(run.values for run in runs), strict=True)]
        name = f"{group} ({len(runs)} runs)" if len(runs) > 1 else group
        axes.plot(runs[0].steps, means, color=color, linewidth=2.0, label=name)
    axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")


def _draw_references(axes: Axes, references: Mapping[str, float]) -> None:
    bottom, top = axes.get_ylim()
    top = max([top, *(1.05 * value for value in references.values())])
    axes.set_ylim(bottom, top)
    lowest = bottom
    for name, value in sorted(references.items(), key=itemgetter(1)):
        axes.axhline(value, color=palette.COMMITTED, linewidth=0.9, linestyle=(0, (4, 3)))
        lowest = max(value, lowest + _LABEL_GAP * (top - bottom))
        axes.annotate(
            f"{name} {value:.2f}",
            xy=(1.01, lowest),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
            color=palette.INK,
        )
