"""Decisions as people read them: one in words, and all of a course below each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.console import Group
from rich.text import Text

from tamiyo.contracts import DecisionMade, Head, LifecycleOp, RunStarted
from tamiyo.ui.terminal.frames import start_table

if TYPE_CHECKING:
    from rich.console import ConsoleRenderable

    from tamiyo.contracts import AdaptationCommand
    from tamiyo.telemetry import Course

__all__ = ["describe_command", "render_decisions"]

_UNKNOWN: Final = "-"
_DETAILS: Final = (
    Head.BLUEPRINT,
    Head.STYLE,
    Head.TEMPO,
    Head.ALPHA_TARGET,
    Head.ALPHA_SPEED,
    Head.ALPHA_CURVE,
)


def describe_command(command: AdaptationCommand) -> str:
    """Say what is to be done.

    Args:
        command: The command.

    >>> from tamiyo.contracts import AdaptationCommand, LifecycleOp
    >>> describe_command(AdaptationCommand(op=LifecycleOp.ADVANCE, slot_id="r0c1"))
    'ADVANCE in r0c1'
    """
    if command.op == LifecycleOp.WAIT:
        return "WAIT: change nothing"
    details = [
        f"{head.replace('_', ' ')} {choice.name.lower()}"
        for head in _DETAILS
        if (choice := getattr(command, head)) is not None
    ]
    what = f"{command.op.name} in {command.slot_id}"
    return f"{what}: {', '.join(details)}" if details else what


def render_decisions(course: Course) -> ConsoleRenderable:
    """Show every decision of a course that was to change something.

    Args:
        course: What happened to the host.

    Returns:
        What ``Console.print`` takes.
    """
    decisions = [event for event in course.events if isinstance(event, DecisionMade)]
    told = [event for event in decisions if event.command.op != LifecycleOp.WAIT]
    table = start_table("epoch", ("decided", "left"), "probability", "expected")
    table.add_column("reason", overflow="fold")
    for event in told:
        table.add_row(
            str(event.epoch),
            _shorten(event.command),
            _write_probability(event),
            _write_value(event),
            _write_reason(event),
        )
    number = f"{len(told)} of {len(decisions)} decisions were to change something"
    title = Text.assemble((_name_course(course), "bold"), f": {number}")
    meaning = "probability: of the op among the legal ones; expected: points of reward, discounted"
    return Group(title, table, Text(meaning, "dim"))


def _name_course(course: Course) -> str:
    start = course.start
    if isinstance(start, RunStarted):
        return f"{start.task}, {start.controller}, seed {start.seed}"
    return (
        f"{start.task}, seed {start.seed}, environment {course.environment}, "
        f"episode {start.episode}"
    )


def _shorten(command: AdaptationCommand) -> str:
    what = f"{command.op.name} {command.slot_id}"
    return what if command.blueprint is None else f"{what} {command.blueprint.name.lower()}"


def _write_reason(event: DecisionMade) -> str:
    if event.refusal is not None:
        return f"refused: {event.refusal}"
    return event.command.reason or "none given"


def _write_probability(event: DecisionMade) -> str:
    known = {} if event.evidence is None else event.evidence.probabilities.get(Head.OP, {})
    share = known.get(event.command.op.name)
    return _UNKNOWN if share is None else f"{100 * share:.1f} %"


def _write_value(event: DecisionMade) -> str:
    value = None if event.evidence is None else event.evidence.value
    return _UNKNOWN if value is None else f"{value:+.2f}"
