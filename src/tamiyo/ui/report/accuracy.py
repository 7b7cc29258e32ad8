"""The upper panels of a growth picture: the metric with what happened when, and parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from tamiyo.ui.formatting import format_count
from tamiyo.ui.metric import MetricView
from tamiyo.ui.report import palette

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tamiyo.telemetry import RunSummary

__all__ = ["draw_accuracy", "draw_parameters"]

_MARKER_LIFT_POINTS: Final = 8.0
_LEGEND_X: Final = 1.02
_FIRST_RISE_FRACTION: Final = 0.1
_MARGIN_FRACTION: Final = 0.12
_SMALLEST_SPAN_FRACTION: Final = 0.02


@dataclass(frozen=True, kw_only=True)
class _MarkerKind:
    label: str
    marker: str
    color: str
    positions: tuple[int, ...]


def draw_accuracy(axes: Axes, summary: RunSummary) -> None:
    """Draw both control accuracies, the final one and a marker for each lifecycle event.

    Shares are drawn in percent, any other metric in its own unit.

    Args:
        axes: Where to draw.
        summary: The run.
    """
    view = MetricView(summary.metric)
    epochs = [point.epoch for point in summary.course]
    control = [view.show(point.control_accuracy) for point in summary.course]
    committed = [view.show(point.committed_accuracy) for point in summary.course]
    axes.plot(epochs, control, color=palette.ACCURACY, linewidth=1.7, label="all seeds", zorder=3)
    axes.plot(
        epochs,
        committed,
        color=palette.COMMITTED,
        linewidth=1.2,
        linestyle=(0, (3, 1.5)),
        label="committed only",
        zorder=2,
    )
    if summary.twin is not None:
        course = [view.show(points) for points in summary.twin.control_accuracies]
        axes.plot(
            range(len(course)),
            course,
            color=palette.TWIN,
            linewidth=1.2,
            label="host alone",
            zorder=1,
        )
    axes.set_ylabel(f"control {view.label}")
    axes.grid(axis="y", color=palette.GRID, linewidth=0.6)
    _cut_first_rise(axes, summary, view)
    _draw_test_accuracy(axes, summary, view)
    _draw_markers(axes, summary, view)
    if summary.closing_epoch is not None:
        axes.fill_between([], [], color=palette.CLOSING, label="closing epochs")
    axes.legend(loc="upper left", bbox_to_anchor=(_LEGEND_X, 1.02), borderaxespad=0)


def draw_parameters(axes: Axes, summary: RunSummary) -> None:
    """Draw the parameters of each epoch's network above those of the host.

    Args:
        axes: Where to draw.
        summary: The run.
    """
    values = [point.parameters for point in summary.course[1:]]
    edges = [point.epoch - 1 for point in summary.course[1:]] + [summary.final.epoch]
    host, largest = summary.host_parameters, max([*values, summary.host_parameters])
    axes.axhline(host, color=palette.COMMITTED, linewidth=0.9, linestyle=(0, (3, 1.5)))
    if values:
        axes.stairs(values, edges, baseline=host, color=palette.PARAMETERS, linewidth=1.3)
        axes.stairs(values, edges, baseline=host, color=palette.PARAMETERS, alpha=0.15, fill=True)
    span = max(largest - host, _SMALLEST_SPAN_FRACTION * host)
    axes.set_ylim(host - 0.2 * span, largest + 0.2 * span)
    axes.set_yticks(sorted({host, largest}), [format_count(n) for n in sorted({host, largest})])
    axes.set_ylabel("parameters")
    _label_at_right(axes, host, "host", "center" if summary.parameters == host else "top")
    if summary.parameters != host:
        now = "final" if summary.outcome is not None else "now"
        _label_at_right(
            axes, summary.parameters, f"{now} {format_count(summary.parameters)}", "bottom"
        )


def _cut_first_rise(axes: Axes, summary: RunSummary, view: MetricView) -> None:
    """Begin the axis where the run is after its first tenth: growth is a matter of few points."""
    settled = [p for p in summary.course if p.epoch >= _FIRST_RISE_FRACTION * summary.epochs]
    shown = settled if len(settled) > 1 else summary.course
    points = [p.control_accuracy for p in shown] + [p.committed_accuracy for p in shown]
    if summary.outcome is not None and summary.outcome.test_accuracy is not None:
        points.append(summary.outcome.test_accuracy)
    finite = [value for value in points if math.isfinite(value)]
    worst, best = min(finite, default=0.0), max(finite, default=100.0)
    margin = _MARGIN_FRACTION * max(best - worst, 1.0)
    axes.set_ylim(*sorted((view.show(worst - margin), view.show(best + margin))))
    initial = summary.initial.control_accuracy
    if initial < worst - margin:
        height = 0.2 if view.scale.higher_is_better else 1.015
        text = f"from {view.write(initial)}"
        axes.annotate(text, (0.008, height), xycoords="axes fraction", fontsize=7.5)


def _draw_test_accuracy(axes: Axes, summary: RunSummary, view: MetricView) -> None:
    outcome = summary.outcome
    if outcome is not None and outcome.test_accuracy is not None:
        axes.plot(
            [outcome.epochs],
            [view.show(outcome.test_accuracy)],
            marker="D",
            markersize=6,
            markeredgecolor="white",
            linestyle="none",
            color=palette.INK,
            clip_on=False,
            zorder=6,
            label="test, final network",
        )


def _draw_markers(axes: Axes, summary: RunSummary, view: MetricView) -> None:
    """Set markers above the accuracy they were decided at, on top of each other if at once."""
    accuracy = {point.epoch: view.show(point.control_accuracy) for point in summary.course}
    stacked: dict[int, int] = {}
    for kind in _list_markers(summary):
        label: str | None = kind.label
        for epoch in kind.positions:
            if epoch not in accuracy:
                continue
            stacked[epoch] = stacked.get(epoch, 0) + 1
            _draw_marker(axes, kind, (epoch, accuracy[epoch]), stacked[epoch], label)
            label = None


def _draw_marker(
    axes: Axes, kind: _MarkerKind, position: tuple[float, float], level: int, label: str | None
) -> None:
    from matplotlib.transforms import offset_copy  # matplotlib loads when used

    lift = offset_copy(
        axes.transData,
        fig=axes.get_figure(root=True),
        y=level * _MARKER_LIFT_POINTS,
        units="points",
    )
    axes.plot(
        [position[0]],
        [position[1]],
        transform=lift,
        marker=kind.marker,
        markersize=6.5,
        markeredgecolor="white",
        markeredgewidth=0.6,
        linestyle="none",
        color=kind.color,
        clip_on=False,
        zorder=5,
        label=label,
    )


def _list_markers(summary: RunSummary) -> tuple[_MarkerKind, ...]:
    kinds = (
        ("seed germinated", "^", palette.BORN, [row.epoch - 1 for row in summary.germinations]),
        ("fossilized", "s", palette.KEPT, [row.fossilized_epoch - 1 for row in summary.fossils]),
        ("pruned", "X", palette.REMOVED, [row.pruned_epoch - 1 for row in summary.pruned]),
        ("rolled back", "v", palette.ROLLBACK, [row.epoch for row in summary.rollbacks]),
    )
    return tuple(
        _MarkerKind(label=label, marker=marker, color=color, positions=tuple(positions))
        for label, marker, color, positions in kinds
    )


def _label_at_right(axes: Axes, value: float, text: str, vertical: str) -> None:
    axes.annotate(
        text,
        (_LEGEND_X, value),
        xycoords=("axes fraction", "data"),
        fontsize=8,
        va=vertical,
        annotation_clip=False,
    )
