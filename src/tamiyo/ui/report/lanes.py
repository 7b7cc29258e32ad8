"""The lanes of a growth picture: one per slot, colored by stage, filled as high as alpha."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import COOLDOWN_STAGES, SeedStage
from tamiyo.ui.report import palette

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.text import Text

    from tamiyo.telemetry import RunSummary, SlotSpan

__all__ = ["draw_lanes"]

_BAR_HEIGHT: Final = 0.78
_PALE: Final = 0.35
_WITHOUT_ALPHA: Final = frozenset({SeedStage.GERMINATED, SeedStage.TRAINING})
_LABEL_SIZE, _SMALLEST_LABEL_SIZE = 8.0, 5.0
_LABEL_GAP_EPOCHS: Final = 0.25


def draw_lanes(axes: Axes, summary: RunSummary) -> None:
    """Draw what each slot held.

    A bar is pale over its whole height where a seed stands and solid up to its alpha.

    Args:
        axes: Where to draw; its horizontal limits must be set.
        summary: The run.
    """
    count = len(summary.slot_ids)
    axes.set_ylim(-0.5, count - 0.5)
    axes.set_yticks(range(count), list(reversed(summary.slot_ids)))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for lane, slot_id in enumerate(reversed(summary.slot_ids)):
        axes.axhspan(
            lane - _BAR_HEIGHT / 2, lane + _BAR_HEIGHT / 2, color=palette.LANE, lw=0, zorder=0
        )
        spans = summary.slot_spans(slot_id)
        for span in spans:
            _draw_span(axes, span, lane)
        _draw_labels(axes, spans, lane)
    _draw_legend(axes)


def _draw_span(axes: Axes, span: SlotSpan, lane: int) -> None:
    bottom = lane - _BAR_HEIGHT / 2
    left, right = span.first_epoch - 1, span.last_epoch
    color = palette.STAGES[span.stage][1]
    if span.is_cooldown:
        axes.fill_between(
            [left, right],
            bottom,
            bottom + _BAR_HEIGHT,
            facecolor="none",
            edgecolor=color,
            hatch="////",
            linewidth=0,
            zorder=2,
        )
        return
    edges = list(range(left, right + 1))
    full = [bottom + _BAR_HEIGHT] * len(span.alphas)
    solid = [bottom + _BAR_HEIGHT * alpha for alpha in span.alphas]
    axes.stairs(full, edges, baseline=bottom, fill=True, color=color, alpha=_PALE, lw=0, zorder=2)
    axes.stairs(solid, edges, baseline=bottom, fill=True, color=color, lw=0, zorder=3)


def _draw_labels(axes: Axes, spans: Sequence[SlotSpan], lane: int) -> None:
    """Write each seed's blueprint from its birth on, as far as the lane is free of other seeds."""
    seeds = [list(group) for _, group in groupby(spans, key=lambda span: span.seed_id)]
    ends = [seed[0].first_epoch - 1 for seed in seeds] + [axes.get_xlim()[1]]
    for seed, end in zip(seeds, ends[1:], strict=True):
        begin = seed[0].first_epoch - 1 + _LABEL_GAP_EPOCHS
        text = axes.text(
            begin,
            lane,
            seed[0].blueprint.name.lower(),
            fontsize=_LABEL_SIZE,
            va="center",
            color="black",
            zorder=5,
        )
        _outline(text)
        _shrink_to_fit(axes, text, end - _LABEL_GAP_EPOCHS)


def _outline(text: Text) -> None:
    from matplotlib.patheffects import withStroke  # matplotlib loads when used

    text.set_path_effects([withStroke(linewidth=2.2, foreground="white", alpha=0.8)])


def _shrink_to_fit(axes: Axes, text: Text, end: float) -> None:
    """Make a label smaller, then shorter, until it ends before a place on the epoch axis."""
    begin = text.get_position()[0]
    room = axes.transData.transform((end, 0))[0] - axes.transData.transform((begin, 0))[0]
    width = text.get_window_extent().width
    if width <= room:
        return
    text.set_fontsize(max(_SMALLEST_LABEL_SIZE, _LABEL_SIZE * room / width))
    name = text.get_text()
    while len(name) > 1 and text.get_window_extent().width > room:
        name = name[:-1]
        text.set_text(f"{name}…")


def _draw_legend(axes: Axes) -> None:
    from matplotlib.patches import Patch  # matplotlib loads when used

    patches = [
        Patch(color=color, alpha=_PALE if stage in _WITHOUT_ALPHA else 1.0, lw=0, label=label)
        for stage, (label, color) in palette.STAGES.items()
        if stage not in COOLDOWN_STAGES
    ]
    label, color = palette.STAGES[SeedStage.EMBARGOED]
    patches.append(Patch(facecolor="none", edgecolor=color, hatch="////", lw=0, label=label))
    axes.legend(
        handles=patches,
        loc="lower left",
        bbox_to_anchor=(1.02, -0.03),
        borderaxespad=0,
        handlelength=1.4,
        labelspacing=0.3,
        title="height of a bar: alpha",
        title_fontsize=8,
        alignment="left",
    )
