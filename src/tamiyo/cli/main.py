"""Find the command, run it, and turn every refusal into one line and exit code 2."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import InvariantError, TamiyoError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_COMMANDS: Final = {
    "grow": "grow one network and keep its record, picture and export",
    "train": "train a controller with recurrent PPO",
    "compare": "compare controllers on paired seeds, beside networks that never grew",
    "evaluate": "judge an exported network, or a trained controller beside simpler ones",
    "describe": "print defaults, blueprints, actions, the lifecycle, a task or a host of your own",
    "calibrate": "train a task's bare hosts and say whether the task leaves room to grow",
    "check": "check that what must hold holds on a run, a task or a host of your own",
    "watch": "show a run in the terminal, while it runs or afterwards",
    "serve": "show a run in a browser on this machine",
    "report": "write a run, or two beside each other, into one HTML file",
    "explain": "say why a decision was made and what followed",
    "replay": "rebuild a grown network from its event log and compare it with the export",
    "query": "ask the events of a run in SQL",
}

_RECORDS: Final = frozenset({"check", "watch", "serve", "report", "explain", "replay", "query"})
"""Commands whose module stands in the room for what reads a run's record."""

_STOPPED: Final = 128 + 2
"""Exit code of a process that SIGINT ended, as shells count."""

_UNREAD: Final = 128 + 13
"""Exit code of a process that SIGPIPE ended."""

_HELP: Final = """\
usage: tamiyo COMMAND [OPTIONS]

Grow a neural network while it trains.

commands:
{commands}

examples:
  tamiyo grow --task digits-canvas --controller heuristic --seed 0
  tamiyo compare --task digits-canvas --controllers wait-only,heuristic --seeds 20
  tamiyo train --env surrogate
  tamiyo evaluate runs/train-surrogate-0 --seeds 64
  tamiyo evaluate --network runs/digits-canvas-heuristic-0 --task digits-canvas
  tamiyo describe blueprints
  tamiyo describe host --module my_models:build_cnn --input 2,1,8,8
  tamiyo check runs/digits-canvas-heuristic-0
  tamiyo report runs/digits-canvas-heuristic-0
  tamiyo explain runs/digits-canvas-heuristic-0 --epoch 12
  tamiyo query runs/digits-canvas-heuristic-0 "SELECT epoch, slot_id, to_stage FROM StageChanged"

`tamiyo COMMAND --help` lists the options of a command."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after ``tamiyo``; those of the process if not given.

    Returns:
        The exit code: 0, 1 where a command checks something and it does not hold, 2 for a mistake
        in what was asked for, 130 when stopped at once, or 141 when nobody reads what is printed.

    Raises:
        InvariantError: If one of Tamiyo's own promises does not hold; that is worth a traceback.
        SystemExit: With code 0, after ``--help`` of a command.
    """
    try:
        try:
            return _dispatch(sys.argv[1:] if arguments is None else list(arguments))
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Nobody reads on. What is left to flush at exit must not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _UNREAD


def _dispatch(words: Sequence[str]) -> int:
    if not words or words[0] in {"-h", "--help"}:
        listing = "\n".join(f"  {name:<10}{summary}" for name, summary in _COMMANDS.items())
        print(_HELP.format(commands=listing))
        return 0
    if words[0] == "--version":
        print(f"tamiyo {version('tamiyo')}")
        return 0
    if words[0] not in _COMMANDS:
        return _refuse(f"command must be one of {', '.join(_COMMANDS)}, got {words[0]!r}")
    return _run(words[0], words[1:])


def _run(command: str, words: Sequence[str]) -> int:
    """Run a command that exists.

    Raises:
        BrokenPipeError: If nobody reads what is printed.
        InvariantError: As :func:`main`.
    """
    try:
        # Commands load torch; a mistyped one and --help do not wait for it.
        room = "tamiyo.cli.records" if command in _RECORDS else "tamiyo.cli"
        code: int | None = import_module(f"{room}.{command}").run(words)
    except InvariantError:
        raise
    except TamiyoError as error:
        return _refuse(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        # A name that is too long, a folder nobody may enter, a full disk: no mistake of ours.
        return _refuse(f"files must be within reach, got {error.filename}: {error.strerror}")
    except KeyboardInterrupt:
        print("tamiyo: stopped at once", file=sys.stderr)
        return _STOPPED
    return code or 0


def _refuse(message: str) -> int:
    print(f"tamiyo: {' '.join(message.split())}", file=sys.stderr)
    return 2
