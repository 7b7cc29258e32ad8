"""``tamiyo describe``: print the facts the code derives everything from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Final, get_args, get_type_hints

from rich.console import Console
from rich.table import Table
from tyro.conf import EnumChoicesFromValues, Positional, Suppress, arg

from tamiyo.cli.event_description import list_event_fields, write_event_page
from tamiyo.cli.flags import read_flags
from tamiyo.contracts import (
    HEADS_USED_BY,
    NEXT_GATES,
    TRANSITIONS,
    ConfigError,
    LifecycleOp,
    SeedStage,
    UnknownNameError,
    build_action_spec,
    encode_record,
    encode_value,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = ["DescribeArguments", "run"]

_EXAMPLES = """\
  tamiyo describe defaults
  tamiyo describe blueprints --topology sequence --channels 16
  tamiyo describe task --task digits-canvas --json
  tamiyo describe observation --slots 2 --telemetry
  tamiyo describe events --json
  tamiyo describe host --module my_models:build_cnn --input 2,1,8,8
  tamiyo describe host --module my_models:build_gpt --input 2,64 --input-high 256"""

_Rows = list[dict[str, object]]

_UNNAMED: Final = ("engine", "control", "learner")
"""Records whose settings have flags without their name."""


@dataclass(frozen=True, kw_only=True)
class DescribeArguments:
    """Print defaults, blueprints, actions, observations, the lifecycle, a task or your own host.

    Attributes:
        topic: One of defaults, blueprints, actions, observation, lifecycle, events, task, host.
        task: Task to describe; every task if not given.
        topology: Features of the slot that blueprint sizes are counted for: cnn (B, C, H, W),
            sequence (B, T, D) or vector (B, D).
        channels: Channels of that slot, C or D.
        slots: Slots of the host whose observation is described.
        telemetry: Describe an observation with the telemetry features of each slot.
        module: What builds the host, PACKAGE.MODULE:FACTORY, found from the current directory too.
            The factory returns the host, or the host and an example batch.
        input: Shape of an example batch for the host, the batch first, for example 2,1,8,8.
        input_high: Make the example of whole numbers from 0 to below this one, as for tokens.
        markdown: Print the reference page of the events.
        json: Print one JSON object and nothing else.
    """

    topic: Positional[Annotated[str, arg(metavar="TOPIC")]]
    task: str | None = None
    topology: str = "cnn"
    channels: int = 4
    slots: int = 3
    telemetry: bool = False
    module: str | None = None
    input: str | None = None
    input_high: int | None = None
    markdown: bool = False
    json: bool = False


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        UnknownNameError: If there is no such topic, task or topology.
        ConfigError: If there are no channels or slots, or no host can be built and described.
    """
    arguments = read_flags(DescribeArguments, words, command="describe", examples=_EXAMPLES)
    if arguments.topic not in _TOPICS:
        kind = "topic"
        raise UnknownNameError(kind, arguments.topic, list(_TOPICS))
    rows = _TOPICS[arguments.topic](arguments)
    if arguments.markdown:
        _print_page(arguments)
        return
    if arguments.json:
        print(json.dumps({arguments.topic: encode_value(rows)}))
        return
    console = Console()
    for table in _VIEWS.get(arguments.topic, _view_rows)(rows):
        console.print(table, crop=False)


def _print_page(arguments: DescribeArguments) -> None:
    """Print what stands in docs/reference.

    Raises:
        ConfigError: If there is no page of the topic, or JSON is asked for as well.
    """
    if arguments.topic != "events" or arguments.json:
        asked = "--json" if arguments.json else f"topic {arguments.topic}"
        message = f"--markdown must go with topic events and without --json, got {asked}"
        raise ConfigError(message)
    print(write_event_page(), end="")


def _view_events(rows: _Rows) -> list[Table]:
    """Show each event and record by itself, a line per field."""
    return [
        _build_block(
            record, [(str(row["field"]), f"{row['type']}: {row['meaning']}") for row in own]
        )
        for record, own in groupby(rows, key=itemgetter("record"))
    ]


def _view_rows(rows: _Rows) -> list[Table]:
    table = Table(box=None, header_style="bold")
    for column in rows[0]:
        table.add_column(column)
    for row in rows:
        table.add_row(*(_show(value) for value in row.values()))
    return [table]


def _view_tasks(rows: _Rows) -> list[Table]:
    """Show each task by itself, a line per value."""
    blocks = []
    for row in rows:
        (_, name), *values = row.items()
        blocks.append(_build_block(name, [(key.replace("_", " "), item) for key, item in values]))
    return blocks


def _view_defaults(rows: _Rows) -> list[Table]:
    """Show the defaults of each record by themselves, a line per flag."""
    return [
        _build_block(f"{command}: {owner}", [(str(row["flag"]), row["default"]) for row in owned])
        for (command, owner), owned in groupby(rows, key=itemgetter("command", "owner"))
    ]


def _build_block(title: object, lines: Iterable[tuple[str, object]]) -> Table:
    block = Table(
        box=None, show_header=False, title=_show(title), title_justify="left", title_style="bold"
    )
    # The name must be there in full: people copy it.
    block.add_column(no_wrap=True)
    block.add_column(overflow="fold")
    for name, value in lines:
        block.add_row(name, _show(value))
    block.add_row()
    return block


def _describe_defaults(_arguments: DescribeArguments) -> _Rows:
    """Walk the configuration records: a default is printed from the record that owns it."""
    from tamiyo.recipes import RunConfig, TrainConfig

    records = {"grow": RunConfig(), "train": TrainConfig()}
    return [
        {"command": command, **row}
        for command, record in records.items()
        for row in _walk(record, "")
    ]


def _walk(record: object, prefix: str) -> _Rows:
    rows: _Rows = []
    if not is_dataclass(record):
        return rows
    hints = get_type_hints(type(record), include_extras=True)
    for item in fields(record):
        value = getattr(record, item.name)
        if Suppress in get_args(hints[item.name]):
            continue  # no flag sets it
        if is_dataclass(value):
            inner = prefix if item.name in _UNNAMED else f"{prefix}{item.name}."
            rows += _walk(value, inner)
        else:
            flag = "--" + f"{prefix}{item.name}".replace("_", "-")
            if EnumChoicesFromValues in get_args(hints[item.name]):
                value = value.value  # the word its flag takes
            rows.append({"flag": flag, "default": value, "owner": type(record).__name__})
    return rows


def _describe_blueprints(arguments: DescribeArguments) -> _Rows:
    from tamiyo.model import BLUEPRINTS, SlotShape, Topology, count_blueprint_parameters

    if arguments.channels < 1:
        message = f"channels must be at least 1, got {arguments.channels}"
        raise ConfigError(message)
    if arguments.topology not in list(Topology):
        kind = "topology"
        raise UnknownNameError(kind, arguments.topology, [str(topology) for topology in Topology])
    topology = Topology(arguments.topology)
    sizes = count_blueprint_parameters(SlotShape(topology, arguments.channels, ()))
    return [
        {
            "index": int(blueprint),
            "blueprint": blueprint.name,
            f"parameters at {arguments.channels} channels": sizes.get(blueprint),
            "f(h)": entry.summaries.get(topology),
        }
        for blueprint, entry in BLUEPRINTS.items()
    ]


def _describe_actions(_arguments: DescribeArguments) -> _Rows:
    spec = build_action_spec(("r0c0", "r0c1", "r0c2"))
    return [
        {
            "head": str(head.name),
            "choices": head.choices,
            "neutral": head.choices[head.neutral],
            "depends on": [str(parent) for parent in head.parents],
            "used by": [op.name for op in LifecycleOp if head.name in HEADS_USED_BY[op]],
        }
        for head in spec.heads
    ]


def _describe_observation(arguments: DescribeArguments) -> _Rows:
    from tamiyo.observation import build_layout

    layout = build_layout(arguments.slots, telemetry=arguments.telemetry)
    return [
        {
            "index": index,
            "name": field.name,
            "unit": field.unit,
            "range": f"[{field.low:g}, {field.high:g}]",
            "unknown": field.unknown,
            "meaning": field.meaning,
        }
        for index, field in enumerate(layout.fields)
    ]


def _describe_lifecycle(_arguments: DescribeArguments) -> _Rows:
    return [
        {
            "value": int(stage),
            "stage": stage.name,
            "may become": [successor.name for successor in TRANSITIONS[stage]],
            "gate": f"{NEXT_GATES[stage].name} to {TRANSITIONS[stage][0].name}"
            if stage in NEXT_GATES
            else None,
        }
        for stage in SeedStage
    ]


def _describe_events(_arguments: DescribeArguments) -> _Rows:
    return list_event_fields()


def _describe_task(arguments: DescribeArguments) -> _Rows:
    from tamiyo.tasks import get_task, list_tasks

    tasks = list_tasks() if arguments.task is None else (arguments.task,)
    return [
        {
            **encode_record(task.config),
            "summary": task.summary,
            "host": {"name": task.host.name, **task.host.arguments},
            "slots": dict(task.slots),
        }
        for task in map(get_task, tasks)
    ]


def _describe_host(arguments: DescribeArguments) -> _Rows:
    from tamiyo.cli.host_description import HostSource, describe_modules, read_shape

    if arguments.module is None:
        message = (
            "--module must be given to describe a host, got nothing; see `tamiyo describe --help`"
        )
        raise ConfigError(message)
    shape = None if arguments.input is None else read_shape(arguments.input)
    return describe_modules(
        HostSource(factory=arguments.module, shape=shape, high=arguments.input_high)
    )


def _view_host(rows: _Rows) -> list[Table]:
    """Show a line per module and, below, every reason against a slot once, by number."""
    reasons = list(dict.fromkeys(row["refusal"] for row in rows if row["refusal"]))
    columns = list(rows[0])[:-1]
    shown = []
    for row in rows:
        *cells, slot, refusal = row.values()
        if refusal is not None:
            slot = f"no {1 + reasons.index(refusal)}"
        shown.append([*map(_show, cells), _show(slot or "possible")])
    table = _build_wide_table(columns, shown)
    for row, texts in zip(rows, shown, strict=True):
        table.add_row(*texts, style="bold" if row["slot"] else None)
    below = Table(box=None, show_header=False)
    for number, reason in enumerate(reasons, start=1):
        below.add_row(f"no {number}", _show(reason))
    return [table, below] if reasons else [table]


def _view_observation(rows: _Rows) -> list[Table]:
    shown = [[_show(value) for value in row.values()] for row in rows]
    table = _build_wide_table(list(rows[0]), shown)
    for texts in shown:
        table.add_row(*texts)
    return [table]


def _build_wide_table(columns: list[str], shown: list[list[str]]) -> Table:
    """Build an empty table in which nothing is cut, however narrow the console: people copy it."""
    width = sum(max(map(len, texts)) + 2 for texts in zip(columns, *shown, strict=True))
    return Table(*columns, box=None, header_style="bold", width=width)


def _show(value: object) -> str:
    encoded = encode_value(value)
    if encoded is None:
        return "-"
    if isinstance(encoded, list):
        return " ".join(str(item) for item in encoded) or "-"
    if isinstance(encoded, Mapping):
        return " ".join(f"{key}={item}" for key, item in encoded.items())
    return str(encoded)


_VIEWS: Final[Mapping[str, Callable[[_Rows], list[Table]]]] = {
    "defaults": _view_defaults,
    "task": _view_tasks,
    "observation": _view_observation,
    "events": _view_events,
    "host": _view_host,
}
_TOPICS: Final[Mapping[str, Callable[[DescribeArguments], _Rows]]] = {
    "defaults": _describe_defaults,
    "blueprints": _describe_blueprints,
    "actions": _describe_actions,
    "observation": _describe_observation,
    "lifecycle": _describe_lifecycle,
    "events": _describe_events,
    "task": _describe_task,
    "host": _describe_host,
}
