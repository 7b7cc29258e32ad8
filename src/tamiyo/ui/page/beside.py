"""The page of two runs beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamiyo.contracts import LifecycleOp
from tamiyo.ui.formatting import format_count
from tamiyo.ui.metric import MetricView
from tamiyo.ui.page.charts import Line, draw_chart
from tamiyo.ui.page.decisions import count_ops, describe_decision, write_table
from tamiyo.ui.page.document import write_document, write_gaps, write_glossary, write_settings
from tamiyo.ui.page.headline import find_outcome, write_headline, write_title
from tamiyo.ui.page.learning import draw_small_charts
from tamiyo.ui.page.markup import Markup, join, tag
from tamiyo.ui.page.timeline import draw_timeline, draw_timeline_legend
from tamiyo.ui.page.words import OPS

if TYPE_CHECKING:
    from tamiyo.telemetry import HostStory, RunStory
    from tamiyo.ui.page.markup import Content

__all__ = ["build_comparison_page"]

_MOST_HOSTS: Final = 2
_MOST_EPOCHS: Final = 150
_WAIT: Final = LifecycleOp.WAIT.name


def build_comparison_page(first: RunStory, second: RunStory) -> str:
    """Build the page of two runs, A and B: one HTML document that needs nothing else.

    What only one of them has is said to be unknown for the other.
    """
    sections: list[tuple[str, str, Content]] = [
        ("differences", "Differences", _write_differences(first, second)),
    ]
    if first.learning is not None or second.learning is not None:
        sections.append(("learning", "How the controllers learned", _write_curves(first, second)))
    for index, (one, other) in enumerate(_pair_hosts(first, second)):
        name = "How the networks grew" if not index else f"Environment {one.environment}"
        sections.append((f"host-{index}", name, _write_hosts(one, other)))
    sections += [
        ("mix", "What was chosen how often", _write_mix(first, second)),
        ("settings-a", "Settings of A", write_settings(first)),
        ("settings-b", "Settings of B", write_settings(second)),
        ("glossary", "What the words mean", write_glossary()),
    ]
    names = f"A: {write_title(first)}. B: {write_title(second)}."
    headline = join(
        tag("p", names, class_="story"), _write_warning(first, second), _beside(first, second)
    )
    return write_document("Two runs beside each other", headline, sections)


def _beside(first: RunStory, second: RunStory) -> Markup:
    columns = [
        tag(
            "div",
            tag("h3", f"{letter}: {write_title(run)}"),
            write_gaps(run),
            write_headline(run),
        )
        for letter, run in (("A", first), ("B", second))
    ]
    return tag("div", columns, class_="beside")


def _write_warning(first: RunStory, second: RunStory) -> Markup | None:
    unlike = [
        f"{name} ({one} and {other})"
        for name, one, other in (
            ("kind", first.kind, second.kind),
            ("task or environment", first.title, second.title),
            ("seed", first.seed, second.seed),
        )
        if one != other
    ]
    if not unlike:
        return None
    text = f"They differ in {', '.join(unlike)}: differences below may come from that."
    return tag("div", text, class_="gaps", role="note")


def _write_differences(first: RunStory, second: RunStory) -> Markup:
    one, other = _list_figures(first), _list_figures(second)
    rows = []
    for name in dict.fromkeys([*one, *other]):
        a, b = one.get(name), other.get(name)
        change = "unknown" if a is None or b is None else _write(b - a, sign=True)
        rows.append((name, _write(a), _write(b), change))
    return write_table("Figures of both, and B less A", ("Figure", "A", "B", "B less A"), rows)


def _list_figures(run: RunStory) -> dict[str, float | None]:
    figures: dict[str, float | None] = {}
    if run.learning is not None:
        for curve in run.learning.curves:
            tenth = curve.values[-max(1, len(curve.values) // 10) :]
            figures[f"{curve.name}, last tenth"] = sum(tenth) / len(tenth)
        figures["steps"] = run.learning.steps
    for host in run.hosts[:_MOST_HOSTS]:
        place = "" if run.kind == "run" else f"environment {host.environment}: "
        outcome = find_outcome(host)
        kinds = [mark.kind for mark in host.marks]
        end = host.end
        figures |= {
            f"{place}gain over the host alone, points": outcome.gain,
            f"{place}score, points": outcome.score,
            f"{place}score of the host alone, points": outcome.host_score,
            f"{place}test accuracy, points": None if end is None else end.test_accuracy,
            f"{place}parameters": host.points[-1].parameters if end is None else end.parameters,
            f"{place}seeds planted": kinds.count("planted"),
            f"{place}seeds kept": kinds.count("kept"),
            f"{place}seeds removed": kinds.count("removed"),
            f"{place}multiply-adds of training": None if end is None else end.multiply_adds,
        }
    return figures


def _write_curves(first: RunStory, second: RunStory) -> Markup:
    charts = []
    named = [
        {} if run.learning is None else {curve.name: curve for curve in run.learning.curves}
        for run in (first, second)
    ]
    for name in dict.fromkeys([*named[0], *named[1]]):
        curves = [
            (letter, own[name]) for letter, own in zip("AB", named, strict=True) if name in own
        ]
        charts.append((name, curves[0][1].unit, curves))
    return draw_small_charts(charts)


def _pair_hosts(first: RunStory, second: RunStory) -> list[tuple[HostStory, HostStory]]:
    others = {host.environment: host for host in second.hosts}
    pairs = [(host, others[host.environment]) for host in first.hosts if host.environment in others]
    return pairs[:_MOST_HOSTS]


def _write_hosts(one: HostStory, other: HostStory) -> Markup:
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
    chart = draw_chart(lines, size=(1000, 300), title=view.label, x_name="epoch")
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


def _write_mix(first: RunStory, second: RunStory) -> Markup:
    chosen = [_count(first), _count(second)]
    totals = [sum(own.values()) or 1 for own in chosen]
    rows = [
        (
            OPS.get(op, (op.lower(), ""))[0],
            *(
                f"{own.get(op, 0):,} ({own.get(op, 0) / total:.0%})"
                for own, total in zip(chosen, totals, strict=True)
            ),
        )
        for op in dict.fromkeys([*OPS, *chosen[0], *chosen[1]])
        if op in chosen[0] or op in chosen[1]
    ]
    return write_table("How often each decision was made", ("Decision", "A", "B"), rows)


def _count(run: RunStory) -> dict[str, int]:
    if run.learning is not None:
        return dict(run.learning.ops)
    return count_ops(decision for host in run.hosts for decision in host.decisions)[0]


def _write(value: float | None, *, sign: bool = False) -> str:
    if value is None:
        return "unknown"
    if isinstance(value, int):
        written = format_count(value)
        return f"+{written}" if sign and value > 0 else written
    return f"{value:+.2f}" if sign else f"{value:.2f}"
