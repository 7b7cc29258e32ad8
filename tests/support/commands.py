"""Commands as a user calls them, and the settings that have a flag."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import get_args, get_type_hints

from tyro.conf import Suppress

from tamiyo.cli import main
from tamiyo.contracts import Blueprint
from tamiyo.engine import EngineKind
from tamiyo.environment import Baseline
from tamiyo.recipes import RunConfig, TrainConfig
from tamiyo.tasks import HostSource

__all__ = [
    "SETTINGS",
    "TRAIN_SETTINGS",
    "call",
    "flag_of",
    "other_value",
    "set_value",
    "words_for",
]


def call(capsys, *words):
    """Run a command in this process; return exit code, stdout and stderr."""
    try:
        code = main([str(word) for word in words])
    except SystemExit as stop:
        code = stop.code or 0
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def walk(record, prefix=()):
    hints = get_type_hints(type(record), include_extras=True)
    for item in fields(record):
        value = getattr(record, item.name)
        if Suppress in get_args(hints[item.name]):
            continue
        if is_dataclass(value):
            yield from walk(value, (*prefix, item.name))
        else:
            yield (*prefix, item.name), value


SETTINGS = dict(walk(RunConfig()))
"""Path of every setting of a run to its default."""

TRAIN_SETTINGS = dict(walk(TrainConfig()))
"""The same of a controller's training."""


def flag_of(path):
    *records, name = path
    named = [record for record in records if record not in {"engine", "control", "learner"}]
    return "--" + ".".join([*named, name]).replace("_", "-")


OTHERS = {
    "task": "digits-cnn",
    "env": "CartPole-v1",
    "rollout_steps": 7,
    "minibatches": 3,
    "longest_span": 100,
    "needs": ("context", "mixing"),
    "controller": "wait-only",
    "epochs": 31,
    "checkpoint_updates": 7,
    "start": "runs/earlier",
    "hindsight_points": 0.1,
    "slots": ("r0c1",),
    "max_parameters": 4321,
    "random_wait_probability": 0.25,
    "blueprints": (Blueprint.NORM, Blueprint.CONV_HEAVY),
}
"""A value that differs from the default, where none can be made of the default itself."""


def other_value(path, value):
    if path[-1] in OTHERS and not isinstance(value, int):
        return OTHERS[path[-1]]
    if path[-1] == "group_size":
        return 2 * value  # the environments must stay whole groups
    if isinstance(value, bool):
        return not value
    if isinstance(value, Enum):
        return next(member for member in type(value) if member != value)
    if isinstance(value, int):
        return value + 1
    # Most fractions must stay in [0, 1).
    return value / 2 if value else 0.5


def words_for(path, value):
    flag = flag_of(path)
    if isinstance(value, bool):
        stem, dot, name = flag.removeprefix("--").rpartition(".")
        return [flag if value else f"--{stem}{dot}no-{name}"]
    values = value if isinstance(value, tuple) else (value,)
    return [flag, *map(word_for, values)]


def word_for(value):
    if isinstance(value, EngineKind | HostSource | Baseline):
        return value.value
    return value.name if isinstance(value, Enum) else str(value)


def set_value(record, path, value):
    name, *rest = path
    return replace(
        record, **{name: set_value(getattr(record, name), rest, value) if rest else value}
    )
