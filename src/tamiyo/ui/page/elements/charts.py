"""Line charts as inline SVG: axes, lines, a legend, and one line of words for who cannot see."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tamiyo.ui.formatting import format_si
from tamiyo.ui.page.elements.markup import Markup, join, tag

__all__ = ["Frame", "Line", "draw_axes", "draw_chart", "draw_legend", "draw_line", "find_ticks"]

_LEFT: Final = 48.0
_LARGE: Final = 10_000
_WIDE: Final = 500
_MOST_POINTS: Final = 400
_EMPTY_SHARE: Final = 0.06
_NEGLIGIBLE: Final = 1e-6


@dataclass(frozen=True, kw_only=True)
class Line:
    """A line of a chart.

    Attributes:
        name: What it is, in words.
        look: Class that gives it its color.
        points: Where it goes: place and value, places ascending.
        dashed: Whether it is dashed.
        stepped: Whether it stays at a value until the next.
    """

    name: str
    look: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False
    stepped: bool = False


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where numbers lie in a picture, in pixels from its upper left corner.

    Attributes:
        width: Width of the picture.
        height: Its height.
        left: Where the axes begin.
        right: Space to the right of them.
        top: Space above them.
        bottom: Space below them.
        x_range: Lowest and highest place.
        y_range: Lowest and highest value.
    """

    width: float
    height: float
    left: float = _LEFT
    right: float = 12
    top: float = 10
    bottom: float = 26
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, place: float) -> float:
        """Return where a place lies."""
        low, high = self.x_range
        return self.left + (place - low) / (high - low or 1) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        """Return where a value lies."""
        low, high = self.y_range
        inner = self.height - self.top - self.bottom
        return self.height - self.bottom - (value - low) / (high - low or 1) * inner


def find_ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers between two, at most so many.

    >>> find_ticks(0, 60, 7)
    [0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / max(1, most - 1)
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(
        factor * power for factor in (1, 2, 2.5, 5, 10, 20) if factor * power >= rough * 0.999
    )
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def draw_chart(
    lines: Sequence[Line],
    *,
    size: tuple[float, float],
    title: str,
    x_name: str,
    has_legend: bool = True,
    hits: Mapping[float, str] | None = None,
    left: float = _LEFT,
) -> Markup:
    """Draw lines over each other, the first one on top.

    Args:
        lines: What to draw; values that are not finite are left out.
        size: Width and height of the picture, pixels.
        title: What it shows, for those who cannot see it; the last values are added.
        x_name: What the places are.
        has_legend: Whether the lines are named below.
        hits: Place to the words that stand there on hover.
        left: Where the axes begin, pixels.

    Returns:
        A figure, or a sentence if there is nothing to draw.
    """
    kept = [line for line in map(_keep_finite, lines) if line.points]
    if not kept:
        return tag("p", "Nothing to draw.", class_="quiet")
    frame = Frame(
        width=size[0],
        height=size[1],
        left=left,
        x_range=_spread([place for line in kept for place, _ in line.points], 0.0),
        y_range=_spread([value for line in kept for _, value in line.points], _EMPTY_SHARE),
    )
    label = f"{title}. " + "; ".join(_tell(line) for line in kept)
    picture = tag(
        "svg",
        draw_axes(frame, x_name),
        [draw_line(frame, line) for line in reversed(kept)],
        _draw_hits(frame, hits or {}),
        viewBox=f"0 0 {size[0]:g} {size[1]:g}",
        role="img",
        aria_label=label,
        class_="chart",
    )
    return join(picture, draw_legend(kept) if has_legend else None)


def draw_axes(frame: Frame, x_name: str) -> Markup:
    """Draw grid and numbers of a frame."""
    right, foot = frame.width - frame.right, frame.height - frame.bottom
    parts = []
    for value in find_ticks(*frame.y_range, 5):
        y = frame.y(value)
        parts.append(tag("line", x1=frame.left, x2=right, y1=y, y2=y, class_="grid"))
        text = _write_tick(value)
        parts.append(tag("text", text, x=frame.left - 6, y=y + 4, text_anchor="end"))
    for place in find_ticks(*frame.x_range, 7 if frame.width > _WIDE else 4):
        x = frame.x(place)
        parts.append(tag("line", x1=x, x2=x, y1=foot, y2=foot + 4, class_="axis"))
        anchor = "end" if x > right - 12 else "middle"
        parts.append(tag("text", _write_tick(place), x=x, y=foot + 17, text_anchor=anchor))
    parts.append(tag("line", x1=frame.left, x2=right, y1=foot, y2=foot, class_="axis"))
    parts.append(
        tag("text", x_name, x=frame.left - 12, y=foot + 17, text_anchor="end", class_="axis-name")
    )
    return tag("g", parts, class_="axes", aria_hidden="true")


def draw_line(frame: Frame, line: Line) -> Markup:
    """Draw one line; a single point becomes a dot."""
    points = _thin(line.points)
    if len(points) == 1:
        (place, value), *_ = points
        return tag("circle", cx=frame.x(place), cy=frame.y(value), r=3, class_=f"dot {line.look}")
    words: list[str] = []
    for place, value in points:
        x, y = f"{frame.x(place):.1f}", f"{frame.y(value):.1f}"
        words.append(f"M{x} {y}" if not words else f"H{x}V{y}" if line.stepped else f"L{x} {y}")
    dashed = " dashed" if line.dashed else ""
    return tag("path", d="".join(words), class_=f"line {line.look}{dashed}")


def draw_legend(lines: Sequence[Line]) -> Markup:
    """Name the lines of a chart."""
    entries = []
    for line in lines:
        dashed = " dashed" if line.dashed else ""
        stroke = tag("path", d="M0 5H22", class_=f"line {line.look}{dashed}")
        key = tag("svg", stroke, width=22, height=10, aria_hidden="true")
        entries.append(tag("li", key, line.name))
    return tag("ul", entries, class_="legend")


def _draw_hits(frame: Frame, hits: Mapping[float, str]) -> list[Markup]:
    """Draw what answers to the pointer: a band around each place, and a line when it is there."""
    places = sorted(hits)
    if not places:
        return []
    half = (frame.x(places[-1]) - frame.x(places[0])) / max(1, len(places) - 1) / 2
    foot = frame.height - frame.bottom
    return [
        tag(
            "g",
            tag("rect", x=frame.x(at) - half, y=frame.top, width=2 * half, height=foot - frame.top),
            tag("path", d=f"M{frame.x(at):.1f} {frame.top:g}V{foot:g}"),
            class_="band",
            data_tip=hits[at],
        )
        for at in places
    ]


def _keep_finite(line: Line) -> Line:
    points = tuple(point for point in line.points if math.isfinite(point[1]))
    return Line(
        name=line.name, look=line.look, points=points, dashed=line.dashed, stepped=line.stepped
    )


def _spread(values: Sequence[float], share: float) -> tuple[float, float]:
    """Return the ends of an axis; equal values lie in its middle."""
    low, high = min(values), max(values)
    if high - low <= _NEGLIGIBLE * max(1.0, abs(high)):
        return (low - 1, high + 1) if share else (low, high + 1)
    room = share * (high - low)
    return low - room, high + room


def _thin(points: Sequence[tuple[float, float]]) -> Sequence[tuple[float, float]]:
    stride = math.ceil(len(points) / _MOST_POINTS)
    return points if stride <= 1 else [*points[:-1:stride], points[-1]]


def _tell(line: Line) -> str:
    first, last = line.points[0], line.points[-1]
    return f"{line.name} from {first[1]:.4g} to {last[1]:.4g}"


def _write_tick(value: float) -> str:
    if abs(value) >= _LARGE:
        return format_si(value)
    return f"{round(value, 10):.6g}"
