"""The section of one host: how it grew, how well it did, and what its controller was paid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamiyo.contracts import SeedStage
from tamiyo.ui.formatting import format_count, format_growth
from tamiyo.ui.metric import MetricView
from tamiyo.ui.page.decisions import count_ops, write_action_mix, write_decisions, write_table
from tamiyo.ui.page.elements.charts import Line, draw_chart
from tamiyo.ui.page.elements.markup import Markup, join, tag
from tamiyo.ui.page.elements.words import REWARD_PARTS, count, define, name_stage, write_points
from tamiyo.ui.page.timeline import LEFT, draw_timeline, draw_timeline_legend

if TYPE_CHECKING:
    from tamiyo.telemetry import HostStory, StageSpan

__all__ = ["accuracy_lines", "write_accuracy", "write_host", "write_rewards", "write_seeds"]

_MOST_EPOCHS: Final = 120
_AT_THE_END: Final = frozenset({"terminal", "baseline"})
_SIZE: Final = (1000, 300)
_LOW: Final = (1000, 150)


def write_host(host: HostStory, prefix: str) -> Markup:
    """Write everything about one host.

    Args:
        host: What happened to it.
        prefix: Begins the ids of this part of the page.
    """
    chosen, legal = count_ops(host.decisions)
    return join(
        tag("h3", "Structure timeline", id=f"{prefix}-timeline"),
        tag(
            "p",
            "Each row is a ",
            define("slot"),
            " of the network, each column an ",
            "epoch. A bar shows the stage of the ",
            define("seed"),
            " there; the shape on it is the decision that was made. Point at anything, or tab here "
            "and use the arrow keys, to read why.",
            class_="lead",
        ),
        draw_timeline(host),
        draw_timeline_legend(),
        tag("details", tag("summary", "These seeds as a table"), write_seeds(host)),
        tag("h3", "Decisions and reasons", id=f"{prefix}-decisions"),
        write_decisions(host),
        tag(
            "h3",
            f"{MetricView(host.metric).name.capitalize()} and parameters",
            id=f"{prefix}-accuracy",
        ),
        write_accuracy(host),
        tag("h3", "What was chosen how often", id=f"{prefix}-mix"),
        write_action_mix(chosen, legal),
        write_rewards(host, prefix),
    )


def write_seeds(host: HostStory) -> Markup:
    """List every seed with where it stood, how long, what became of it and what it is worth."""
    lives: dict[str, list[StageSpan]] = {}
    for span in host.spans:
        if span.seed_id is not None:
            lives.setdefault(span.seed_id, []).append(span)
    removed = {mark.seed_id for mark in host.marks if mark.kind == "removed"}
    worth = {} if host.end is None else host.end.contributions
    rows = []
    for seed_id, spans in lives.items():
        last = spans[-1]
        is_kept = last.stage == SeedStage.FOSSILIZED.name
        fate = "kept" if is_kept else "removed" if seed_id in removed else name_stage(last.stage)
        known = [value for span in spans for value in span.contributions if value is not None]
        points = worth.get(seed_id, known[-1] if known else None)
        rows.append(
            (
                last.slot_id,
                (last.blueprint or "unknown").lower().replace("_", " "),
                (last.style or "unknown").lower().replace("_", " "),
                "unknown" if last.parameters is None else f"{last.parameters:,}",
                f"{spans[0].first_epoch} to {last.last_epoch}",
                fate,
                write_points(points),
            )
        )
    headings = ("Slot", "Blueprint", "Style", "Parameters", "Epochs", "In the end", "Contribution")
    return write_table(f"All {count(len(rows), 'seed')}, in the order of planting", headings, rows)


def accuracy_lines(host: HostStory) -> list[Line]:
    """Return the lines of how well a host and the host alone did, epoch by epoch."""
    view = MetricView(host.metric)
    points = host.points
    lines = [
        Line(
            name="the growing network",
            look="accuracy",
            points=[(point.epoch, view.show(point.accuracy)) for point in points],
        ),
        Line(
            name="committed: the host with its kept seeds",
            look="committed",
            points=[(point.epoch, view.show(point.committed)) for point in points],
        ),
    ]
    if host.twin:
        alone = [(epoch, view.show(value)) for epoch, value in enumerate(host.twin)]
        lines.append(Line(name="the host alone", look="twin", points=alone, dashed=True))
    return lines


def write_accuracy(host: HostStory) -> Markup:
    """Draw accuracy over epochs, parameters below, and write both as a table."""
    view = MetricView(host.metric)
    grown = [(point.epoch, float(point.parameters)) for point in host.points]
    sizes = [Line(name="parameters", look="parameters", points=grown, stepped=True)]
    alone = "" if host.twin else " The log has no course of the host alone."
    return join(
        tag("p", f"{view.label}, on the control split, after each epoch.{alone}", class_="lead"),
        _scroll(
            draw_chart(
                accuracy_lines(host),
                size=_SIZE,
                title=view.label,
                x_name="epoch",
                hits=_tell_points(host),
                left=LEFT,
            ),
            view.label,
        ),
        tag("p", "Trainable parameters.", class_="lead"),
        _scroll(
            draw_chart(
                sizes, size=_LOW, title="Parameters", x_name="epoch", has_legend=False, left=LEFT
            ),
            "Parameters",
        ),
        tag("details", tag("summary", "These numbers as a table"), _write_points(host)),
    )


def write_rewards(host: HostStory, prefix: str) -> Markup | None:
    """Draw and list what each decision was paid, part by part; nothing where nothing was paid."""
    if not host.rewards:
        return None
    names = [name for name in REWARD_PARTS if any(name in parts for _, parts in host.rewards)]
    names += sorted({name for _, parts in host.rewards for name in parts} - {*REWARD_PARTS})
    totals = {name: sum(parts.get(name, 0.0) for _, parts in host.rewards) for name in names}
    lines = [
        Line(
            name=name.replace("_", " "),
            look=f"part-{index % 8}",
            points=[(epoch, parts.get(name, 0.0)) for epoch, parts in host.rewards],
        )
        for index, name in enumerate(name for name in names if name not in _AT_THE_END)
    ]
    told = (
        "Points paid for each decision; what is paid at the end is in the table alone."
        if lines
        else "This reward is paid at the end of the episode alone; all other parts are zero."
    )
    rows = [
        (name.replace("_", " "), f"{totals[name]:+.2f}", REWARD_PARTS.get(name, ""))
        for name in names
    ]
    rows.append(("sum", f"{sum(totals.values()):+.2f}", "what the controller was paid"))
    picture = (
        _scroll(
            draw_chart(lines, size=(1000, 220), title="Reward parts", x_name="epoch", left=LEFT),
            "Reward parts",
        )
        if lines
        else None
    )
    return join(
        tag("h3", "Reward", id=f"{prefix}-reward"),
        tag("p", told, class_="lead"),
        picture,
        write_table("Reward of the episode by part", ("Part", "Points", "What it is"), rows),
    )


def _scroll(content: Markup, name: str) -> Markup:
    return tag("div", content, class_="scroll", tabindex=0, role="region", aria_label=name)


def _tell_points(host: HostStory) -> dict[float, str]:
    """Say what was measured where the pointer is; left out where it would be too much."""
    view = MetricView(host.metric)
    if len(host.points) > _MOST_EPOCHS:
        return {}
    told = {}
    for point in host.points:
        alone = host.twin[point.epoch] if point.epoch < len(host.twin) else None
        words = [
            f"Epoch {point.epoch}: {view.write(point.accuracy)}",
            f"committed {view.write(point.committed)}",
            f"host alone {'unknown' if alone is None else view.write(alone)}",
            f"{point.parameters:,} parameters",
        ]
        told[float(point.epoch)] = "; ".join(words)
    return told


def _write_points(host: HostStory) -> Markup:
    view = MetricView(host.metric)
    stride = -(-len(host.points) // _MOST_EPOCHS)
    shown = host.points[::stride]
    rows = [
        (
            str(point.epoch),
            view.write(point.accuracy),
            view.write(point.committed),
            view.write(host.twin[point.epoch]) if point.epoch < len(host.twin) else "unknown",
            f"{format_count(point.parameters)} "
            f"({format_growth(point.parameters, host.host_parameters)})",
        )
        for point in shown
    ]
    headings = ("Epoch", view.name.capitalize(), "Committed", "Host alone", "Parameters")
    every = "" if stride == 1 else f", every {stride} epochs"
    return write_table(f"What was measured{every}", headings, rows)
