"""Metrics as people read them: a share in percent, any other in its own unit."""

from __future__ import annotations

from dataclasses import dataclass

from tamiyo.contracts import ACCURACY, MetricScale
from tamiyo.ui.formatting import format_like

__all__ = ["MetricView"]

_PERCENT_WIDTHS = len("100.0 %"), len("10.3")


@dataclass(frozen=True)
class MetricView:
    """Shows points as values of the metric they stand for.

    Attributes:
        scale: The metric.

    >>> view = MetricView(MetricScale(name="bits per byte", best=0.0, worst=8.0))
    >>> view.write(71.1), MetricView(ACCURACY).write(71.1)
    ('2.312', '71.1 %')
    """

    scale: MetricScale

    @property
    def name(self) -> str:
        """What people call the metric."""
        return self.scale.name

    @property
    def unit(self) -> str:
        """What stands behind a number that :meth:`show` returned."""
        return " %" if self.scale.is_share else ""

    @property
    def direction(self) -> str:
        """Which values are better."""
        return "higher is better" if self.scale.higher_is_better else "lower is better"

    @property
    def label(self) -> str:
        """The name with what a reader of an axis has to know."""
        return f"{self.name} ({'%' if self.scale.is_share else self.direction})"

    @property
    def introduction(self) -> str:
        """End of a title that says what networks are judged by; accuracy goes without saying."""
        return "" if self.scale == ACCURACY else f"; {self.name}, {self.direction}"

    @property
    def point(self) -> str:
        """What a point is; nothing where it is a percentage point."""
        scale = self.scale
        if scale.is_share:
            return ""
        size = abs(1 / scale.points_per_unit)
        return (
            f"a point is {size:.3g} in {self.name}: {scale.best:.4g} is worth 100 points, "
            f"{scale.worst:.4g} none"
        )

    @property
    def widths(self) -> tuple[int, int]:
        """Characters of a column of values, and of one of changes."""
        if self.scale.is_share:
            return _PERCENT_WIDTHS
        width = max(len(self.write(points)) for points in (0, 100))
        return width, width

    def show(self, points: float) -> float:
        """Return the number that stands for points."""
        return points if self.scale.is_share else self.scale.to_value(points)

    def write(self, points: float) -> str:
        """Write a value, ``62.4 %`` or ``2.313``."""
        return self._write_number(self.show(points)) + self.unit

    def write_result(self, test: float | None, control: float) -> str:
        """Write how good a network is, ``test accuracy 62.4 %``; on control if there is no test."""
        split, points = ("control", control) if test is None else ("test", test)
        return f"{split} {self.name} {self.write(points)}"

    def write_change(self, points: float) -> str:
        """Write how far apart two values are that are so many points apart, without a sign."""
        return self._write_number(abs(self.show(points) - self.show(0)))

    def _write_number(self, number: float) -> str:
        scale = self.scale
        if scale.is_share:
            return f"{number:.1f}"
        return format_like(number, abs(scale.best - scale.worst))
