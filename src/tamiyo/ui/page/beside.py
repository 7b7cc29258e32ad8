"""The page of two runs beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamiyo.ui.formatting import format_count
from tamiyo.ui.page.decisions import count_ops, write_table
from tamiyo.ui.page.document import write_document, write_gaps, write_glossary, write_settings
from tamiyo.ui.page.elements.markup import Markup, join, tag
from tamiyo.ui.page.elements.words import OPS
from tamiyo.ui.page.headline import find_gain, find_outcome, write_headline, write_hero, write_title
from tamiyo.ui.page.learning import draw_small_charts
from tamiyo.ui.page.pairs import write_pair

if TYPE_CHECKING:
    from tamiyo.telemetry import HostStory, RunStory
    from tamiyo.ui.page.elements.markup import Content

__all__ = ["build_comparison_page"]

_MOST_HOSTS: Final = 2


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
        sections.append((f"host-{index}", name, write_pair(one, other)))
    sections += [
        ("mix", "What was chosen how often", _write_mix(first, second)),
        ("settings-a", "Settings of A", write_settings(first)),
        ("settings-b", "Settings of B", write_settings(second)),
        ("glossary", "What the words mean", write_glossary()),
    ]
    headline = join(
        _write_verdict(first, second), _write_warning(first, second), _beside(first, second)
    )
    return write_document("Two runs beside each other", headline, sections)


def _write_verdict(first: RunStory, second: RunStory) -> Markup:
    """Say by how much B is ahead of A."""
    gains = [find_gain(run) for run in (first, second)]
    if gains[0] is None or gains[1] is None:
        return write_hero(None, "how B stands against A: the logs do not say")
    ahead = gains[1] - gains[0]
    stands = "ahead of" if ahead > 0 else "behind" if ahead < 0 else "level with"
    return write_hero(ahead, f"B is {stands} A, each measured against the host alone")


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
