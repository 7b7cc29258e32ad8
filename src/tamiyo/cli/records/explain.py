"""``tamiyo explain``: say why a decision was made and what followed."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from rich.console import Console
from tyro.conf import Positional, arg

from tamiyo.cli.flags import read_flags
from tamiyo.cli.records.log_path import find_log
from tamiyo.cli.records.printing import print_json
from tamiyo.contracts import DecisionMade, encode_event, encode_record
from tamiyo.telemetry import EventScan, explain_decision, find_course
from tamiyo.ui import render_decisions, render_explanation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamiyo.telemetry import Course, Explanation

__all__ = ["ExplainArguments", "run"]

_EXAMPLES: Final = """\
  tamiyo explain runs/digits-canvas-heuristic-0   (lists the decisions)
  tamiyo explain runs/digits-canvas-heuristic-0 --epoch 12
  tamiyo explain runs/train-digits-cnn-0 --env 0 --episode 40 --epoch 12
  tamiyo explain runs/digits-canvas-learned-0 --epoch 12 --after 10 --json"""


@dataclass(frozen=True, kw_only=True)
class ExplainArguments:
    """Say why a decision was made, what was legal and how probable, and what followed.

    Attributes:
        run: A run folder, or an event log.
        epoch: Epoch the decision acts in, counted from 1; if not given, the decisions that were to
            change something are listed.
        env: Index of the environment; the first that was recorded if not given.
        episode: In a training, number of the episode; the newest with that epoch if not given.
        after: Epochs to show from the decision on, at least 1.
        json: Print one JSON object and nothing else.
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    epoch: int | None = None
    env: int | None = None
    episode: int | None = None
    after: int = 5
    json: bool = False


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        TamiyoError: If the log is missing or damaged, or holds no such decision.
    """
    arguments = read_flags(ExplainArguments, words, command="explain", examples=_EXAMPLES)
    log = EventScan(find_log(arguments.run))
    course = find_course(
        log,
        epoch=1 if arguments.epoch is None else arguments.epoch,
        environment=arguments.env,
        episode=arguments.episode,
    )
    if arguments.epoch is None:
        _list_decisions(course, log, as_json=arguments.json)
    else:
        explanation = explain_decision(course, epoch=arguments.epoch, after=arguments.after)
        if arguments.json:
            print_json({**_encode(explanation), "gaps": log.describe_gaps()})
        else:
            Console(highlight=False).print(render_explanation(explanation, _build_meanings()))
    if gaps := log.describe_gaps():
        print(f"tamiyo: {gaps}", file=sys.stderr)


def _list_decisions(course: Course, log: EventScan, *, as_json: bool) -> None:
    if not as_json:
        Console(highlight=False).print(render_decisions(course))
        print("\n--epoch EPOCH explains one of them")
        return
    decisions = [encode_event(event) for event in course.events if isinstance(event, DecisionMade)]
    print_json({"decisions": decisions, "gaps": log.describe_gaps()})


def _encode(explanation: Explanation) -> dict[str, object]:
    """Turn an explanation into JSON values; events carry the name of their kind."""
    fate = explanation.fate
    return {
        **encode_record(explanation),
        "followed": [encode_event(event) for event in explanation.followed],
        "fate": None if fate is None else encode_event(fate),
    }


def _build_meanings() -> Callable[[str], str]:
    """Return what says the meaning of a field of the observation; fields of slots share theirs."""
    from tamiyo.observation import build_layout

    layout = build_layout(1, telemetry=True)
    known = {field.name.removeprefix("slot0."): field.meaning for field in layout.fields}

    def find(name: str) -> str:
        return known.get(name) or known.get(name.partition(".")[2], "")

    return find
