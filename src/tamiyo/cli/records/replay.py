"""``tamiyo replay``: rebuild a network from what its event log says was decided."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from tyro.conf import Positional, arg

from tamiyo.cli.flags import read_flags
from tamiyo.cli.records.printing import print_json
from tamiyo.contracts import encode_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.recipes import ReplayResult

__all__ = ["ReplayArguments", "run"]

_EXAMPLES: Final = """\
  tamiyo replay runs/digits-canvas-heuristic-0
  tamiyo replay runs/digits-cnn-learned-0 --out rebuilt
  tamiyo replay runs/train-digits-cnn-0 --env 0 --episode 3
  tamiyo replay runs/digits-cnn-learned-0 --json

The host is trained again, and every decision comes from the event log: no controller is built.
Exit code 0: every event and every bit of the network is as it was; 1: something differs."""


@dataclass(frozen=True, kw_only=True)
class ReplayArguments:
    """Rebuild the network of a run from its event log and compare it with what the run exported.

    Attributes:
        run: Folder of a run on a task, or of a training with recorded episodes.
        env: Of a training, index of the environment; the first that was recorded if not given.
        episode: Of a training, number of the episode; the newest if not given.
        out: Folder to export the rebuilt network into as well.
        json: Print one JSON object and nothing else.
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    env: int | None = None
    episode: int | None = None
    out: Path | None = None
    json: bool = False


def run(words: Sequence[str]) -> int:
    """Carry out the command.

    Returns:
        The exit code: 1 if the replay differs from what was recorded.

    Raises:
        TamiyoError: If the run cannot be replayed.
    """
    arguments = read_flags(ReplayArguments, words, command="replay", examples=_EXAMPLES)

    import torch
    from rich.console import Console
    from rich.progress import Progress

    from tamiyo.recipes import replay_run

    torch.set_num_threads(1)
    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=arguments.json or not console.is_terminal
    ) as progress:
        bar = progress.add_task("training again", total=1)
        result = replay_run(
            arguments.run,
            environment=arguments.env,
            episode=arguments.episode,
            out=arguments.out,
            on_progress=lambda done, epochs: progress.update(bar, completed=done, total=epochs),
        )
    if arguments.json:
        print_json(_encode(result))
    else:
        print("\n".join(_describe(result)))
        if arguments.out is not None:
            print(f"network     {arguments.out}")
    if result.gaps:
        print(f"tamiyo: {result.gaps}", file=sys.stderr)
    return 0 if result.is_equal else 1


def _encode(result: ReplayResult) -> dict[str, object]:
    plain = {name: encode_value(value) for name, value in vars(result).items() if name != "fossils"}
    named = ("slot_id", "seed_id", "blueprint", "style", "alpha")
    fossils = [
        {name: encode_value(getattr(fossil, name)) for name in named} for fossil in result.fossils
    ]
    return {**plain, "fossils": fossils, "is_equal": result.is_equal}


def _describe(result: ReplayResult) -> list[str]:
    state = "" if result.is_finished else " (the log ends there)"
    who = "the controller in training" if result.controller is None else result.controller
    place = ""
    if result.episode is not None:
        place = f", environment {result.environment}, episode {result.episode}"
    return [
        f"{result.task}, {who}, seed {result.seed}{place}: {result.epochs} epochs trained again "
        f"on the recorded decisions{state}",
        f"structure   {'; '.join(_describe_structure(result)) or 'the bare host'}",
        f"events      {_describe_events(result)}",
        f"network     {result.parameters:,} parameters, sha256 {result.weights_sha256[:16]}, "
        f"{_describe_weights(result)}",
        _judge(result),
    ]


def _describe_structure(result: ReplayResult) -> list[str]:
    return [
        f"{fossil.slot_id} {fossil.blueprint.name.lower()} ({fossil.style.name.lower()}, "
        f"alpha {fossil.alpha:.2f})"
        for fossil in result.fossils
    ]


def _describe_events(result: ReplayResult) -> str:
    compared, difference = result.compared, result.compared.difference
    if difference is None:
        return f"all {compared.equal} as recorded, bit for bit"
    epoch = "" if difference.epoch is None else f" of epoch {difference.epoch}"
    return (
        f"{compared.equal} as recorded, then {difference.event}{epoch} differs: {difference.field} "
        f"was {difference.recorded}, is {difference.replayed}"
    )


def _describe_weights(result: ReplayResult) -> str:
    if result.exported_sha256 is None:
        return "nothing exported to compare it with"
    if result.exported_sha256 == result.weights_sha256:
        return "as exported"
    return f"but {result.exported_sha256[:16]} was exported"


def _judge(result: ReplayResult) -> str:
    if not result.is_equal:
        return (
            "NOT EQUAL: bits are only the same on the same kind of processor, with the same "
            "release of PyTorch and one thread; else something was changed after the run"
        )
    if result.exported_sha256 is None:
        return "equal: every number the run recorded came out again, bit for bit"
    return "equal: the rebuilt network is the exported one, bit for bit"
