"""Two hosts beside each other: their timelines, accuracy and decisions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamiyo.contracts import LifecycleOp
from tamiyo.ui.metric import MetricView
from tamiyo.ui.page.decisions import describe_decision, write_table
from tamiyo.ui.page.elements.charts import Line, draw_chart
from tamiyo.ui.page.elements.markup import Markup, join, tag
from tamiyo.ui.page.timeline import LEFT, draw_timeline, draw_timeline_legend

if TYPE_CHECKING:
    from tamiyo.telemetry import HostStory

__all__ = ["write_pair"]

_MOST_EPOCHS: Final = 150
_WAIT: Final = LifecycleOp.WAIT.name


def write_pair(one: HostStory, other: HostStory) -> Markup:
    """Write how the host of A and that of B grew, one above the other."""
    return join(
        draw_timeline_legend(),
        tag("h3", "A"),
        draw_timeline(one),
        tag("h3", "B"),
        draw_timeline(other),
        tag("h3", "On the control split"),
        _draw_accuracy(one, other),
        tag("h3", "Decisions beside each other"),
        _write_decisions(one, other),
    )


def _draw_accuracy(one: HostStory, other: HostStory) -> Markup:
    if one.metric != other.metric:
        text = f"A is measured in {one.metric.name}, B in {other.metric.name}: no common picture."
        return tag("p", text, class_="quiet")
    view = MetricView(one.metric)
    lines = [
        Line(
            name=f"{letter}: the growing network",
            look=f"curve-{index}",
            points=[(point.epoch, view.show(point.accuracy)) for point in host.points],
        )
        for index, (letter, host) in enumerate((("A", one), ("B", other)))
    ]
    lines += [
        Line(
            name=f"{letter}: the host alone",
            look=f"curve-{index}",
            points=[(epoch, view.show(value)) for epoch, value in enumerate(host.twin)],
            dashed=True,
        )
        for index, (letter, host) in enumerate((("A", one), ("B", other)))
        if host.twin
    ]
    chart = draw_chart(lines, size=(1000, 300), title=view.label, x_name="epoch", left=LEFT)
    return tag("div", chart, class_="scroll", tabindex=0, role="region", aria_label=view.label)


def _write_decisions(one: HostStory, other: HostStory) -> Markup:
    told = [
        {d.epoch: d for d in host.decisions if d.op != _WAIT or d.refusal is not None}
        for host in (one, other)
    ]
    epochs = sorted({*told[0], *told[1]})
    rows = [
        (
            str(epoch),
            *(describe_decision(own[epoch]) if epoch in own else "waited" for own in told),
        )
        for epoch in epochs[:_MOST_EPOCHS]
    ]
    if not rows:
        return tag("p", "Neither did anything but wait.", class_="quiet")
    left = len(epochs) - len(rows)
    caption = "Epochs in which either did more than wait" + (f"; {left} more" if left else "")
    return write_table(caption, ("Epoch", "A", "B"), rows)
