"""``tamiyo check``: whether what must hold holds on a run, a task or a host of one's own."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import torch
from rich.console import Console
from rich.table import Table
from tyro.conf import Positional, arg

from tamiyo.checks import CheckResult, CheckStatus, check_host, check_run, check_task
from tamiyo.cli.flags import read_flags
from tamiyo.cli.host_description import HostSource, build_example, read_shape, running_foreign
from tamiyo.cli.records.printing import print_json
from tamiyo.contracts import ConfigError
from tamiyo.engine import ask_for_equal_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["CheckArguments", "run"]

_EXAMPLES: Final = """\
  tamiyo check runs/digits-canvas-heuristic-0
      reads the record of a run; of a training the checkpoint, too, and lets it play and learn
  tamiyo check --task digits-cnn
      plays short episodes and learns for two rounds
  tamiyo check --host my_models:build_cnn --input 8,1,8,8
      grows a host of your own at random for a few epochs
  tamiyo check runs/train-surrogate-0 --json | jq '.checks[] | select(.status == "fail")'"""

_STYLES: Final = {
    CheckStatus.PASS: "green",
    CheckStatus.FAIL: "bold red",
}


@dataclass(frozen=True, kw_only=True)
class CheckArguments:
    """Check every requirement that can be checked; exit code 1 if one does not hold.

    One line per requirement of docs/requirements.md says what was observed.

    Attributes:
        run: Folder of a run, grown or trained.
        task: Instead, name of a task to play short episodes on.
        host: Instead, what builds a host of your own, PACKAGE.MODULE:FACTORY, found from the
            current directory too. It returns the host, or the host and an example batch.
        input: Shape of an example batch for the host, the batch first, for example 2,1,8,8.
        input_high: Make the example of whole numbers from 0 to below this one, as for tokens.
        seed: Seed of what is played.
        json: Print one JSON object and nothing else.
    """

    run: Positional[Annotated[Path | None, arg(metavar="RUN")]] = None
    task: str | None = None
    host: str | None = None
    input: str | None = None
    input_high: int | None = None
    seed: int = 0
    json: bool = False


def run(words: Sequence[str]) -> int:
    """Carry out the command.

    Returns:
        1 if a requirement does not hold, else 0.

    Raises:
        TamiyoError: If there is no such run, task or host.
    """
    arguments = read_flags(CheckArguments, words, command="check", examples=_EXAMPLES)
    torch.set_num_threads(1)
    ask_for_equal_bits()
    shown = Console(stderr=True, quiet=arguments.json)
    with shown.status("checking ...") as status:
        results = _check(arguments, lambda what: status.update(f"{what} ..."))
    counts = Counter(result.status for result in results)
    if arguments.json:
        print_json({"checks": [{**vars(result), "status": result.status} for result in results]})
    else:
        _print(results, counts)
    return 1 if counts[CheckStatus.FAIL] else 0


def _check(
    arguments: CheckArguments, on_progress: Callable[[str], None]
) -> tuple[CheckResult, ...]:
    """Check the one subject that was named.

    Raises:
        ConfigError: If none was, or more than one, or an example goes without a host.
    """
    named = [name for name in ("run", "task", "host") if getattr(arguments, name) is not None]
    if len(named) != 1:
        message = (
            f"one of RUN, --task and --host must be given, got {' and '.join(named) or 'none'}"
        )
        raise ConfigError(message)
    if arguments.host is None and (arguments.input or arguments.input_high):
        message = f"--input and --input-high must go with --host, got them with {named[0]}"
        raise ConfigError(message)
    seed = arguments.seed
    if seed < 0:
        message = f"--seed must be at least 0, got {seed}"
        raise ConfigError(message)
    if arguments.run is not None:
        return check_run(arguments.run, seed=seed, on_progress=on_progress)
    if arguments.task is not None:
        return check_task(arguments.task, seed=seed, on_progress=on_progress)
    assert arguments.host is not None, "one of the three was named"
    shape = None if arguments.input is None else read_shape(arguments.input)
    source = HostSource(factory=arguments.host, shape=shape, high=arguments.input_high)
    with running_foreign():
        host, example = build_example(source)
        return check_host(host, example, name=arguments.host, seed=seed, on_progress=on_progress)


def _print(results: Sequence[CheckResult], counts: Counter[CheckStatus]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("id", no_wrap=True)
    table.add_column("requirement")
    table.add_column("status", no_wrap=True)
    table.add_column("observed", overflow="fold")
    left_out: dict[str, list[str]] = {}
    for result in results:
        if result.status == CheckStatus.NOT_APPLICABLE:
            left_out.setdefault(result.observed, []).append(result.id)
            continue
        style = _STYLES[result.status]
        table.add_row(
            result.id, result.title, f"[{style}]{result.status}[/]", _escape(result.observed)
        )
    console = Console()
    console.print(table)
    for reason, ids in left_out.items():
        console.print(f"\n{', '.join(ids)}: not applicable, {_escape(reason)}", highlight=False)
    figures = ", ".join(f"{counts[status]} {status}" for status in CheckStatus)
    console.print(f"\n{figures}; docs/requirements.md says what each is about")


def _escape(text: str) -> str:
    return text.replace("[", r"\[")
