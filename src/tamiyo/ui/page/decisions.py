"""Decisions of a run in words and tables, and how often each op was chosen."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import LifecycleOp
from tamiyo.ui.page.elements.markup import Markup, join, tag
from tamiyo.ui.page.elements.words import OPS, count, name_op

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tamiyo.telemetry import HostStory, StoryDecision
    from tamiyo.ui.page.elements.markup import Content

__all__ = [
    "count_ops",
    "describe_decision",
    "group_waits",
    "write_action_mix",
    "write_decisions",
    "write_table",
]

_MOST_ROWS: Final = 400
_MOST_WAITS: Final = 200
_NARROW: Final = 3
_WAIT: Final = LifecycleOp.WAIT.name


def describe_decision(decision: StoryDecision) -> str:
    """Say a decision, its reason and what the controller thought of it, in one line."""
    what = [name_op(decision.op)]
    if decision.slot_id is not None:
        what.append(f"in {decision.slot_id}")
    if decision.choices:
        what.append(f"({', '.join(decision.choices).lower().replace('_', ' ')})")
    parts = [" ".join(what), decision.reason or "no reason given"]
    if decision.refusal is not None:
        parts.append(f"refused: {decision.refusal}")
    if decision.probability is not None:
        parts.append(f"probability of this op {decision.probability:.2f}")
    if decision.value is not None:
        parts.append(f"expected {decision.value:+.1f} points")
    return "; ".join(parts)


def group_waits(decisions: Sequence[StoryDecision]) -> list[tuple[int, int, StoryDecision]]:
    """Put waiting for the same reason in epochs that follow each other together.

    Returns:
        First and last epoch and the first decision of each group. Where that would be too many to
        draw, reasons are not told apart.
    """
    groups = _group(decisions, by_reason=True)
    return groups if len(groups) <= _MOST_WAITS else _group(decisions, by_reason=False)


def write_decisions(host: HostStory) -> Markup:
    """Write what was decided as tables: what was done, and where it waited."""
    acts = [decision for decision in host.decisions if not _is_wait(decision)]
    shown = acts[:_MOST_ROWS]
    headings = ["Epoch", "Decision", "Slot", "Reason", "How"]
    has_chances = any(decision.probability is not None for decision in shown)
    has_values = any(decision.value is not None for decision in shown)
    headings += ["Probability of op"] * has_chances + ["Expected points"] * has_values
    rows = [_write_row(one)[: 5 + has_chances + has_values] for one in shown]
    left = len(acts) - len(rows)
    done = (
        write_table("What was decided, waiting left out", headings, rows)
        if rows
        else tag("p", "Nothing but waiting was decided.", class_="quiet")
    )
    more = tag("p", f"{left:,} more are in the log: use tamiyo query.") if left else None
    groups = group_waits(host.decisions)
    waits = [
        (f"{first}" if first == last else f"{first}-{last}", decision.reason or "no reason given")
        for first, last, decision in groups
    ]
    waited = tag(
        "details",
        tag("summary", f"Where it waited, and why: {count(len(groups), 'time')}"),
        write_table("Epochs in which the controller waited", ("Epochs", "Reason"), waits),
    )
    return join(done, more, waited if waits else None)


def count_ops(decisions: Iterable[StoryDecision]) -> tuple[dict[str, int], dict[str, int]]:
    """Count how often each op was chosen and legal; the second is empty if nobody recorded it."""
    chosen: Counter[str] = Counter()
    legal: Counter[str] = Counter()
    for decision in decisions:
        chosen[decision.op] += 1
        legal.update(decision.legal_ops)
    return dict(chosen), dict(legal)


def write_action_mix(chosen: Mapping[str, int], legal: Mapping[str, int]) -> Markup:
    """Write how often each op was chosen as a table with bars."""
    total = sum(chosen.values())
    if not total:
        return tag("p", "Nothing was decided.", class_="quiet")
    names = [op for op in OPS if op in chosen or op in legal]
    names += sorted(op for op in chosen if op not in OPS)
    rows = []
    for op in names:
        share = chosen.get(op, 0) / total
        when_legal = f"{chosen.get(op, 0) / legal[op]:.0%}" if legal.get(op) else "unknown"
        bar = tag("span", class_=f"bar fill-op-{op}", style=f"width:{100 * share:.1f}%")
        word, meaning = OPS.get(op, (op.lower(), ""))
        named = tag("span", word, class_="term", tabindex=0, data_tip=meaning) if meaning else word
        bars = tag("span", bar, class_="bar-room", aria_hidden="true")
        rows.append((named, f"{chosen.get(op, 0):,}", f"{share:.0%}", when_legal, bars))
    headings = ("Decision", "Times", "Share", "Share when legal", "")
    return write_table("How often each decision was made", headings, rows)


def write_table(caption: str, headings: Sequence[str], rows: Iterable[Sequence[Content]]) -> Markup:
    """Write a table; the first cell of each row is its heading.

    Args:
        caption: What it holds.
        headings: Names of the columns; an empty one is for the eye alone.
        rows: Cells of each row.
    """
    head = tag(
        "tr",
        [
            tag("th", name, scope="col") if name else tag("td", aria_hidden="true")
            for name in headings
        ],
    )
    body = [
        tag("tr", tag("th", row[0], scope="row"), [tag("td", cell) for cell in row[1:]])
        for row in rows
    ]
    wide = "wide" if len(headings) > _NARROW else None
    table = tag(
        "table", tag("caption", caption), tag("thead", head), tag("tbody", body), class_=wide
    )
    return tag("div", table, class_="scroll", tabindex=0, role="region", aria_label=caption)


def _group(
    decisions: Sequence[StoryDecision], *, by_reason: bool
) -> list[tuple[int, int, StoryDecision]]:
    groups: list[tuple[int, int, StoryDecision]] = []
    for decision in filter(_is_wait, decisions):
        if groups:
            first, last, of = groups[-1]
            same = not by_reason or (of.reason, of.refusal) == (decision.reason, decision.refusal)
            if same and last + 1 == decision.epoch:
                groups[-1] = (first, decision.epoch, of)
                continue
        groups.append((decision.epoch, decision.epoch, decision))
    return groups


def _is_wait(decision: StoryDecision) -> bool:
    return decision.op == _WAIT and decision.refusal is None


def _write_row(decision: StoryDecision) -> tuple[Content, ...]:
    reason = decision.reason or "no reason given"
    if decision.refusal is not None:
        reason = f"{reason}; refused: {decision.refusal}"
    return (
        str(decision.epoch),
        name_op(decision.op),
        decision.slot_id or "-",
        reason,
        ", ".join(decision.choices).lower().replace("_", " ") or "-",
        "unknown" if decision.probability is None else f"{decision.probability:.2f}",
        "unknown" if decision.value is None else f"{decision.value:+.1f}",
    )
