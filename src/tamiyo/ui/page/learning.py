"""The section of a training: learning curves, reward parts, choices and where time went."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamiyo.ui.page.decisions import write_action_mix, write_table
from tamiyo.ui.page.elements.charts import Line, draw_chart
from tamiyo.ui.page.elements.markup import Markup, join, tag
from tamiyo.ui.page.elements.words import REWARD_PARTS, define, name_op

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.telemetry import EpisodeRow, LearningStory, LiveCurve, RunStory

__all__ = ["draw_small_charts", "write_episodes", "write_learning"]

_SMALL = (420, 190)
_MOST_ROWS = 20
_MOST_EPISODES = 40


def write_learning(learning: LearningStory) -> Markup:
    """Write how a controller learned."""
    shares = [
        Line(name=name_op(curve.name), look=f"op-{curve.name}", points=_points(curve))
        for curve in learning.ops_by_update
    ]
    return join(
        tag("h3", "Learning curves", id="learning-curves"),
        tag("p", "Every picture runs over the environment steps of the training.", class_="lead"),
        draw_small_charts([(curve.name, curve.unit, [("", curve)]) for curve in learning.curves]),
        _write_numbers("Learning curves in numbers", learning.curves),
        tag("h3", "Reward parts over time", id="learning-reward"),
        _write_rewards(learning.rewards),
        tag("h3", "How open its choices are", id="learning-entropy"),
        tag(
            "p",
            define("entropy", "Entropy"),
            " of each part of a decision, ",
            "as a share of the largest possible.",
            class_="lead",
        ),
        draw_small_charts(
            [(curve.name.replace("_", " "), "", [("", curve)]) for curve in learning.entropies]
        ),
        tag("h3", "What it chose how often", id="learning-mix"),
        draw_chart(shares, size=(1000, 240), title="Share of each decision", x_name="steps")
        if any(len(line.points) > 1 for line in shares)
        else None,
        write_action_mix(learning.ops, learning.legal),
        _write_times(learning),
    )


def write_episodes(run: RunStory) -> Markup | None:
    """List how recorded episodes ended; nothing where none was."""
    if not run.episodes:
        return None
    rows = run.episodes
    if len(rows) > _MOST_EPISODES:
        half = _MOST_EPISODES // 2
        rows = (*rows[:half], *rows[-half:])
    left = run.episode_count - len(rows)
    told = f"; {left:,} in between are left out" if left else ""
    headings = ("Environment", "Episode", "Score", "Host alone", "Gain", "Size over host")
    return join(
        tag("h3", "Recorded episodes", id="learning-episodes"),
        write_table(f"How recorded episodes ended{told}", headings, map(_write_episode, rows)),
    )


def draw_small_charts(
    charts: Sequence[tuple[str, str, Sequence[tuple[str, LiveCurve]]]],
) -> Markup:
    """Draw curves beside each other.

    Args:
        charts: Of each its title, its unit, and its curves with the name of each.
    """
    drawn = []
    for title, unit, curves in charts:
        lines = [
            Line(name=name or title, look=f"curve-{index}", points=_points(curve))
            for index, (name, curve) in enumerate(curves)
        ]
        named = f"{title}, {unit}" if unit else title
        picture = draw_chart(
            lines, size=_SMALL, title=named, x_name="steps", has_legend=len(lines) > 1
        )
        drawn.append(tag("figure", tag("figcaption", named), picture))
    return tag("div", drawn, class_="small-charts")


def _write_rewards(rewards: Sequence[LiveCurve]) -> Markup:
    paid = [curve for curve in rewards if any(curve.values)]
    if not paid:
        return tag("p", "The log tells no parts of the reward.", class_="quiet")
    zero = [curve.name.replace("_", " ") for curve in rewards if not any(curve.values)]
    told = f" Zero all along: {', '.join(zero)}." if zero else ""
    rows = [
        (
            curve.name.replace("_", " "),
            f"{curve.values[0]:+.3f}",
            f"{curve.values[-1]:+.3f}",
            REWARD_PARTS.get(curve.name, ""),
        )
        for curve in paid
    ]
    return join(
        tag("p", f"Mean points per episode.{told}", class_="lead"),
        draw_small_charts(
            [(curve.name.replace("_", " "), "points", [("", curve)]) for curve in paid]
        ),
        write_table("Reward by part", ("Part", "First update", "Last update", "What it is"), rows),
    )


def _write_numbers(caption: str, curves: Sequence[LiveCurve]) -> Markup:
    longest = max((curve.places for curve in curves), key=len, default=())
    stride = -(-len(longest) // _MOST_ROWS) or 1
    steps = longest[::stride]
    known = [dict(zip(curve.places, curve.values, strict=True)) for curve in curves]
    rows = [
        (f"{step:,}", *(f"{own[step]:.4g}" if step in own else "unknown" for own in known))
        for step in steps
    ]
    table = write_table(caption, ("Step", *(curve.name for curve in curves)), rows)
    return tag("details", tag("summary", "These numbers as a table"), table)


def _write_times(learning: LearningStory) -> Markup | None:
    total = sum(learning.seconds.values())
    if total <= 0:
        return None
    rows = [
        (
            phase,
            f"{seconds:,.1f}",
            f"{seconds / total:.0%}",
            tag(
                "span",
                tag("span", class_="bar", style=f"width:{100 * seconds / total:.1f}%"),
                class_="bar-room",
                aria_hidden="true",
            ),
        )
        for phase, seconds in sorted(learning.seconds.items(), key=lambda item: -item[1])
    ]
    return join(
        tag("h3", "Where the time went", id="learning-time"),
        write_table("Wall-clock time by phase", ("Phase", "Seconds", "Share", ""), rows),
    )


def _write_episode(row: EpisodeRow) -> tuple[str, ...]:
    alone = row.host_score
    return (
        str(row.environment),
        str(row.episode),
        f"{row.score:.1f}",
        "unknown" if alone is None else f"{alone:.1f}",
        "unknown" if alone is None else f"{row.score - alone:+.1f}",
        f"{row.growth:.2f} times",
    )


def _points(curve: LiveCurve) -> list[tuple[float, float]]:
    return list(zip(curve.places, curve.values, strict=True))
