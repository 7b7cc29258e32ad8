"""Commands as a user calls them, and the settings that have a flag."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

from tamiyo.cli import main
from tamiyo.recipes import RunConfig

__all__ = ["SETTINGS", "call", "flag_of"]


def call(capsys, *words):
    """Run a command in this process; return exit code, stdout and stderr."""
    try:
        code = main([str(word) for word in words])
    except SystemExit as stop:
        code = stop.code or 0
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def walk(record, prefix=()):
    for item in fields(record):
        value = getattr(record, item.name)
        if is_dataclass(value):
            yield from walk(value, (*prefix, item.name))
        else:
            yield (*prefix, item.name), value


SETTINGS = dict(walk(RunConfig()))
"""Path of every setting of a run to its default."""


def flag_of(path):
    names = [name for name in path if name not in {"engine", "control"}]
    return "--" + ".".join(names).replace("_", "-")
