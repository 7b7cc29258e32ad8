"""Why a decision was made and what followed, as a page of text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.table import Table
from rich.text import Text

from tamiyo.contracts import AlphaMode, SeedStage
from tamiyo.telemetry import Explanation
from tamiyo.ui.explaining.decisions import describe_command
from tamiyo.ui.explaining.happenings import describe_check_gaps, describe_happening
from tamiyo.ui.formatting import format_count, format_difference
from tamiyo.ui.metric import MetricView
from tamiyo.ui.terminal.frames import start_table
from tamiyo.ui.terminal.stages import describe_slot
from tamiyo.ui.terminal.symbols import Symbols, choose_symbols

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderResult

    from tamiyo.contracts import HostReport, SlotReport
    from tamiyo.telemetry import EpochAfter, HeadChoice, SlotOptions

__all__ = ["render_explanation"]

_UNKNOWN: Final = "-"
_SHOWN_CHOICES: Final = 4
_SMALLEST_SHARE: Final = 0.0005

_Meaning = Callable[[str], str]


def render_explanation(
    explanation: Explanation, meaning: _Meaning = lambda _field: ""
) -> ConsoleRenderable:
    """Show why a decision was made and what followed.

    Args:
        explanation: The decision.
        meaning: Says what a field of the observation stands for.

    Returns:
        What ``Console.print`` takes; it suits itself to the console's width and encoding.
    """
    return _Page(explanation, meaning)


@dataclass(frozen=True)
class _Page:
    explanation: Explanation
    meaning: _Meaning

    def __rich_console__(self, console: Console, _options: ConsoleOptions) -> RenderResult:
        told, symbols = self.explanation, choose_symbols(console)
        yield _describe_title(told)
        yield _build_head(told)
        yield from _section("What was legal", _build_options(told))
        yield from _section("How probable each choice was", _build_choices(told))
        yield from _section(
            "What moved most since the decision before, as the controller saw it",
            _build_moves(told, self.meaning),
        )
        yield from _section("What followed", _build_followed(told, symbols))
        yield Text()
        yield _build_epochs(told, symbols)
        yield _describe_fate(told, symbols)


def _section(title: str, content: Table | Text) -> Iterator[ConsoleRenderable]:
    yield Text()
    yield Text(title, "bold")
    yield content


def _describe_title(told: Explanation) -> Text:
    controller = "the controller in training" if told.controller is None else told.controller
    place = "" if told.episode is None else f", environment {told.environment}"
    episode = "" if told.episode is None else f", episode {told.episode}"
    name = f"{told.task}, {controller}, seed {told.seed}{place}{episode}"
    return Text.assemble(
        (name, "bold"),
        f": the decision for epoch {told.decision.epoch} of {told.epochs}",
        MetricView(told.metric).introduction,
    )


def _build_head(told: Explanation) -> Table:
    command, decision = told.decision.command, told.decision
    view = MetricView(told.metric)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("decided", Text(describe_command(command), "bold"))
    if decision.refusal is not None:
        table.add_row("refused", f"{decision.refusal}; it became WAIT")
    table.add_row("reason", command.reason or "none given")
    before = view.write(told.measured.control_accuracy)
    table.add_row(
        "before it",
        f"control {view.name} {before} after epoch {told.measured.epoch}, "
        f"{format_count(told.host.parameters)} parameters",
    )
    table.add_row("expected", _describe_value(told))
    return table


def _describe_value(told: Explanation) -> str:
    evidence = told.evidence
    if evidence is None:
        return "unknown: nobody recorded what the decision was made from"
    if evidence.value is None:
        return "unknown: this controller expects no number"
    return f"{evidence.value:+.2f} points of reward from here on, discounted"


def _build_options(told: Explanation) -> Table:
    table = start_table(("slot", "left"), ("legal besides WAIT", "left"), ("why no more", "left"))
    table.columns[-1].no_wrap = False
    for options in told.slots:
        ops = " ".join(op.name for op in options.ops) or _UNKNOWN
        slot = options.slot
        name = f"{slot.slot_id} free" if slot.stage is None else describe_slot(slot).full
        table.add_row(name, ops, _describe_limits(options, told.host))
    return table


def _describe_limits(options: SlotOptions, host: HostReport) -> str:
    """Say what keeps other ops from being legal in a slot."""
    slot, seed = options.slot, options.slot.seed
    if slot.stage is None:
        return "" if options.ops else "no blueprint fits here or into the budget"
    if seed is None:
        return f"closed after a prune for {slot.cooldown_epochs} more decisions"
    if slot.stage == SeedStage.FOSSILIZED:
        return "part of the host for good"
    limits = []
    if seed.gate is not None and not seed.gate.passed:
        limits.append(f"gate {seed.gate.gate.name}: {describe_check_gaps(seed.gate)}")
    if seed.alpha.mode != AlphaMode.HOLD:
        limits.append("alpha is on its way")
    if seed.age_epochs < host.min_prune_age_epochs:
        limits.append(f"too young to prune: {seed.age_epochs} of {host.min_prune_age_epochs}")
    return "; ".join(limits)


def _build_choices(told: Explanation) -> Table | Text:
    if not any(choice.probabilities for choice in told.heads):
        return Text("unknown: this controller tells no probabilities", "dim")
    table = start_table(
        ("head", "left"), ("chosen", "left"), "probability", ("other legal choices", "left")
    )
    table.columns[-1].no_wrap = False
    for choice in told.heads:
        known = dict(choice.probabilities)
        mine = known.get(choice.chosen)
        table.add_row(
            choice.head.replace("_", " "),
            choice.chosen,
            _UNKNOWN if mine is None else _write_share(mine),
            _list_others(choice),
        )
    return table


def _list_others(choice: HeadChoice) -> str:
    others = [one for one in choice.probabilities if one[0] != choice.chosen]
    if not others:
        return "none" if choice.probabilities else _UNKNOWN
    shown = ", ".join(f"{name} {_write_share(share)}" for name, share in others[:_SHOWN_CHOICES])
    left = others[_SHOWN_CHOICES:]
    rest = _write_share(sum(share for _, share in left))
    return f"{shown}, {len(left)} more {rest}" if left else shown


def _write_share(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= _SMALLEST_SHARE else "<0.1 %"


def _build_moves(told: Explanation, meaning: _Meaning) -> Table | Text:
    evidence = told.evidence
    if evidence is None:
        return Text("unknown: nobody recorded the observation", "dim")
    if not evidence.moved:
        return Text("nothing, or there was no decision before", "dim")
    table = start_table(("field", "left"), "before", "now", "change", ("meaning", "left"))
    table.columns[-1].no_wrap = False
    for move in evidence.moved:
        table.add_row(
            move.field,
            f"{move.before:.3f}",
            f"{move.after:.3f}",
            f"{move.after - move.before:+.3f}",
            meaning(move.field),
        )
    return table


def _build_followed(told: Explanation, symbols: Symbols) -> Table | Text:
    if not told.followed:
        of = "any seed" if told.seed_id is None else told.seed_id
        return Text(f"nothing happened to {of} in these epochs", "dim")
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(overflow="fold")
    for event in told.followed:
        table.add_row(f"epoch {getattr(event, 'epoch', '')}", describe_happening(event, symbols))
    return table


def _build_epochs(told: Explanation, symbols: Symbols) -> Table:
    view = MetricView(told.metric)
    slot_id = told.decision.command.slot_id
    is_paid = any(after.reward is not None for after in told.after)
    columns: list[str | tuple[str, str]] = ["epoch", ("decided", "left"), view.name, "change"]
    columns.append("param.")
    if slot_id is not None:
        columns += [(slot_id, "left"), "contribution"]
    table = start_table(*columns, *(["reward"] if is_paid else []))
    for after in told.after:
        row = [str(after.epoch), _UNKNOWN if after.op is None else after.op.name]
        row += _write_measured(after, told, view)
        if slot_id is not None:
            row += _write_slot(after, symbols)
        if is_paid:
            row.append(_UNKNOWN if after.reward is None else f"{after.reward:+.2f}")
        table.add_row(*row)
    return table


def _write_measured(after: EpochAfter, told: Explanation, view: MetricView) -> list[str]:
    if after.measured is None or after.parameters is None:
        return [_UNKNOWN] * 3
    points, before = after.measured.control_accuracy, told.measured.control_accuracy
    sign = "+" if view.show(points) >= view.show(before) else "-"
    change = f"{sign}{view.write_change(points - before)}"
    return [view.write(points), change, format_count(after.parameters)]


def _write_slot(after: EpochAfter, symbols: Symbols) -> list[str]:
    slot: SlotReport | None = after.slot
    if slot is None:
        return [_UNKNOWN, _UNKNOWN]
    worth = None if slot.seed is None else slot.seed.contribution
    cell = describe_slot(slot).short.removeprefix(f"{slot.slot_id} ")
    return [cell, _UNKNOWN if worth is None else format_difference(worth, symbols.plus_minus)]


def _describe_fate(told: Explanation, symbols: Symbols) -> Text:
    lines = [f"change: against {_name_moment(told)}; contribution and reward in points"]
    if told.fate is not None and told.fate not in told.followed:
        ending = describe_happening(told.fate, symbols)
        lines.append(f"in the end, epoch {told.fate.epoch}: {ending}")
    if told.fate is None and told.seed_id is not None:
        lines.append(f"in the end: unknown, the log does not tell how {told.seed_id} ended")
    return Text("\n".join(lines), "dim")


def _name_moment(told: Explanation) -> str:
    epoch = told.measured.epoch
    return f"what epoch {epoch} had measured" if epoch else "the untrained host"
