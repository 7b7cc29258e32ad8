"""Kill trainings at every phase, and see whether they go on to the same bytes.

Each trial starts ``tamiyo train`` in a process of its own, kills it with SIGKILL, goes on with
``tamiyo train --resume``, and compares checkpoint and events with those of a training that nobody
killed. Some trials are killed by the clock, at a moment that is drawn; the others kill themselves
at a named place of the code, at a pass through it that is drawn, also between the steps of writing
a file. Run: ``python experiments/survival.py --out docs/results/survival.json``.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tamiyo.telemetry import read_events

if TYPE_CHECKING:
    from collections.abc import Sequence

_SYNTHETIC: Final = (
    "--env", "surrogate", "--envs", "8", "--surrogate.max-epochs", "17", "--total-steps", "480",
    "--checkpoint-updates", "2", "--network.hidden", "16",
)  # fmt: skip
_HOSTS: Final = (
    "--task", "digits-mlp", "--envs", "8", "--hosts.epochs", "18", "--rounds", "3", "--workers",
    "2", "--network.hidden", "16",
)  # fmt: skip

_PLACES: Final = {
    # phase: (module, what is called there, most passes)
    "collecting": ("tamiyo.learning.collecting", "Collector._step", 55),
    "updating": ("tamiyo.learning.ppo", "PPO._step", 40),
    "rescaling": ("tamiyo.learning.trainer", "Trainer._rescale", 5),
    "writing an event": ("tamiyo.telemetry.sinks", "JsonlSink.emit", 20),
    "before a checkpoint is written": ("tamiyo.recipes.run_folder", "write_atomically", 4),
    "before its file is renamed": ("pathlib", "Path.replace", 4),
    "after its file is renamed": ("pathlib", "Path.replace", 4),
    "starting": ("tamiyo.recipes.learned.train", "_Training.run", 1),
}
_LAUNCH: Final = """\
import importlib, os, signal, sys
module, name, when, number, *words = sys.argv[1:]
from tamiyo.cli import main
owner = importlib.import_module(module)
*path, leaf = name.split(".")
for part in path:
    owner = getattr(owner, part)
wrapped, passes = getattr(owner, leaf), 0

def kill():
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL)

def call(*arguments, **options):
    global passes
    passes += 1
    if when == "before" and passes == int(number):
        kill()
    result = wrapped(*arguments, **options)
    if when == "after" and passes == int(number):
        kill()
    return result

setattr(owner, leaf, call)
sys.exit(main(words))
"""
_KILLED: Final = -9  # by SIGKILL
_ONCE: Final = {"TrainingStarted", "CheckpointWritten", "PhasesTimed", "TrainingFinished"}
"""Events of a process, which a resumed training has more of."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One kill.

    Attributes:
        problem: What was learned on.
        phase: Where it was killed.
        killed: Whether it was still running then.
        survived: Whether it went on to its end.
        identical: Whether checkpoint and events are those of the undisturbed training.
        said: What it said where it did not.
    """

    problem: str
    phase: str
    killed: bool
    survived: bool
    identical: bool
    said: str


class Subject:
    """A training that is killed over and over, and its undisturbed twin."""

    def __init__(self, problem: str, words: Sequence[str], place: Path) -> None:
        self.problem = problem
        self.words = words
        self._place = place
        begin = time.monotonic()
        self.whole = place / "whole"
        self._train(["-m", "tamiyo"], self.whole).check_returncode()
        self.seconds = time.monotonic() - begin

    def kill_by_clock(self, seconds: float) -> Trial:
        """Kill it after so many seconds."""
        path = self._place / "killed"
        process = subprocess.Popen(  # noqa: S603  # our own
            [sys.executable, "-m", "tamiyo", "train", *self.words, "--out", str(path), "--json"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return self._judge(path, "by the clock", killed=process.returncode == _KILLED)

    def kill_at(self, phase: str, number: int) -> Trial:
        """Let it kill itself at a place of the code, at a pass through it."""
        path = self._place / "killed"
        module, name, _ = _PLACES[phase]
        when = "after" if phase.startswith("after") else "before"
        done = self._train(["-c", _LAUNCH, module, name, when, str(number)], path)
        return self._judge(path, phase, killed=done.returncode == _KILLED)

    def _judge(self, path: Path, phase: str, *, killed: bool) -> Trial:
        """Go on with it, compare it with the undisturbed one, and clear up."""
        if (path / "config.json").exists():
            done = _run("-m", "tamiyo", "train", "--resume", str(path), "--json")
        else:  # killed before it was begun
            done = self._train(["-m", "tamiyo"], path)
        survived = done.returncode == 0
        trial = Trial(
            problem=self.problem,
            phase=phase,
            killed=killed,
            survived=survived,
            identical=survived and _read(path) == _read(self.whole),
            said="" if survived else done.stderr.strip()[-300:],
        )
        shutil.rmtree(path, ignore_errors=True)
        return trial

    def _train(self, how: Sequence[str], path: Path) -> subprocess.CompletedProcess[str]:
        return _run(*how, "train", *self.words, "--out", str(path), "--json")


def main() -> None:
    """Run the trials, print the table and write what came of each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=7, help="per place (default: %(default)s)")
    parser.add_argument("--clock", type=int, default=16, help="by the clock (default: %(default)s)")
    parser.add_argument("--hosts", type=int, default=6, help="on hosts (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--out", type=Path, help="file for every trial, as JSON")
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory() as place:
        synthetic = Subject("surrogate", _SYNTHETIC, Path(place) / "surrogate")
        plans = [
            (synthetic.kill_at, (phase, rng.randint(1, most)))
            for phase, (_, _, most) in _PLACES.items()
            for _ in range(arguments.trials if most > 1 else 1)
        ]
        plans += [
            (synthetic.kill_by_clock, (rng.uniform(0, synthetic.seconds),))
            for _ in range(arguments.clock)
        ]
        if arguments.hosts:
            hosts = Subject("digits-mlp, two workers", _HOSTS, Path(place) / "hosts")
            plans += [
                (hosts.kill_by_clock, (rng.uniform(2, hosts.seconds),))
                for _ in range(arguments.hosts)
            ]
        trials = [kill(*chosen) for kill, chosen in track(plans, "killing ...")]
    _print(trials)
    if arguments.out:
        content = {"seed": arguments.seed, "trials": [asdict(trial) for trial in trials]}
        arguments.out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    sys.exit(not all(trial.identical for trial in trials))


def _read(path: Path) -> tuple[bytes, list[dict[str, object]]]:
    """Return the checkpoint and the events that a repetition tells again."""
    events = [
        {name: value for name, value in event.items() if name != "time"}
        for event in read_events(path / "events.jsonl").events
        if event["event"] not in _ONCE
    ]
    return (path / "checkpoint.safetensors").read_bytes(), events


def _print(trials: Sequence[Trial]) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("learned on", "killed", "trials", "while running", "survived", "identical"):
        table.add_column(name, justify="left" if name in {"learned on", "killed"} else "right")
    for problem, phase in dict.fromkeys((trial.problem, trial.phase) for trial in trials):
        some = [trial for trial in trials if (trial.problem, trial.phase) == (problem, phase)]
        counts = [
            sum(getattr(t, name) for t in some) for name in ("killed", "survived", "identical")
        ]
        table.add_row(problem, phase, str(len(some)), *map(str, counts))
    counts = [sum(getattr(t, name) for t in trials) for name in ("killed", "survived", "identical")]
    table.add_row("all", "", str(len(trials)), *map(str, counts))
    console = Console(width=110)
    console.print(table)
    for trial in trials:
        if not trial.identical:
            console.print(f"not identical: {trial}")


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  # our own
        [sys.executable, *words], capture_output=True, text=True, check=False
    )


if __name__ == "__main__":
    main()
