"""How long ``tamiyo report`` takes for the log of a long training, how much memory, how large.

The log of a short training is made long by repeating its rounds, renumbered; the report is then
written by the command in a process of its own. ``--log`` names such a log; otherwise two rounds of
digits-cnn are trained first.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from tamiyo.recipes import TrainConfig, count_rollout_steps, train_controller

if TYPE_CHECKING:
    from collections.abc import Sequence

_PROGRAM: Final = """
import sys
from tamiyo.cli import main
code = main(sys.argv[1:])
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))
sys.exit(code)
"""
"""The command, which then says how much memory it took, kB: Linux counts that of its parent too
where it is asked for the usage of a child."""

_ENDS: Final = frozenset({"TrainingStarted", "TrainingFinished"})


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--log", type=Path, help="event log of a short training")
    parser.add_argument("--rounds", type=int, default=500, help="rounds of the long one")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short = arguments.log or _train(folder / "short")
        log = folder / "events.jsonl"
        write_long_log(short, log, arguments.rounds)
        row = measure(log)
    print("| rounds | log, MB | seconds | peak memory, MB | page, kB |")
    print("|---|---|---|---|---|")
    print(f"| {arguments.rounds} | {' | '.join(row)} |")


def write_long_log(short: Path, long: Path, rounds: int) -> None:
    """Repeat the rounds of a training until it has so many.

    Args:
        short: Its log.
        long: The log to write.
        rounds: Updates it shall have.
    """
    lines = short.read_text(encoding="utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    body = [event for event in events if event["event"] not in _ENDS]
    updates = [event for event in body if event["event"] == "UpdateCompleted"]
    steps = updates[-1]["report"]["steps"]
    starts = [event for event in events if event["event"] == "TrainingStarted"]
    starts[0]["total_steps"] = rounds * steps // len(updates)
    with long.open("w", encoding="utf-8") as file:
        print(_encode(starts[0]), file=file)
        for time in range(-(-rounds // len(updates))):
            for event in body:
                print(_encode(_renumber(event, time, len(updates), steps)), file=file)


def measure(log: Path) -> Sequence[str]:
    """Return size of the log, seconds, peak memory and size of the page."""
    page = log.with_name("report.html")
    words = [sys.executable, "-c", _PROGRAM, "report", str(log), "--out", str(page)]
    begun = perf_counter()
    done = subprocess.run(words, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    seconds = perf_counter() - begun
    peak = int(done.stdout.split()[-2]) / 1e3
    size = log.stat().st_size / 1e6
    return f"{size:.0f}", f"{seconds:.1f}", f"{peak:.0f}", f"{page.stat().st_size / 1e3:.0f}"


def _train(folder: Path) -> Path:
    config = TrainConfig(task="digits-cnn", envs=8)
    steps = 2 * count_rollout_steps(config)
    config = replace(config, learner=replace(config.learner, total_steps=steps))
    train_controller(config, folder)
    return folder / "events.jsonl"


def _encode(event: dict[str, Any]) -> str:
    return json.dumps(event, separators=(",", ":"))


def _renumber(event: dict[str, Any], time: int, updates: int, steps: int) -> dict[str, Any]:
    if event["event"] == "UpdateCompleted":
        report = event["report"]
        numbers = {
            "update": report["update"] + time * updates,
            "steps": report["steps"] + time * steps,
        }
        return {**event, "report": {**report, **numbers}}
    if event["event"] in {"EpisodeStarted", "EpisodeFinished"}:
        return {**event, "episode": event["episode"] + time * updates}
    return event


if __name__ == "__main__":
    main()
