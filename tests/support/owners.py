"""What owns a population of workers in a process of its own, to be interrupted or killed."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from tamiyo.engine import WorkerPopulation
from tests.support.shards import ENCODING, Ailing, build_shard, list_commands
from tests.support.tasks import ListSink

__all__ = ["run_owner"]

KEYS = [(0, 3), (0, 4)]


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def run_owner(folder, kind):
    """Train while a worker dawdles; says which processes and memory there are, and how it ended.

    Args:
        folder: Where the worker writes down that it dawdles.
        kind: "patient" heeds an interrupt after the step, "hasty" at once.
    """
    is_interrupted = []
    if kind == "patient":
        signal.signal(signal.SIGINT, lambda *_: is_interrupted.append(True))
    build = Ailing(Path(folder), ("step 1",), harm="dawdle")
    with WorkerPopulation(build, KEYS, workers=2, encoding=ENCODING) as population:
        say(*population.process_ids, *population._crew.block_names)
        steps = [population.step(list_commands(KEYS, epoch)) for epoch in range(2)]
    alone = build_shard(KEYS, ListSink())
    is_equal = steps == [alone.step(list_commands(KEYS, epoch)) for epoch in range(2)]
    say(is_interrupted == [True], is_equal)


if __name__ == "__main__":
    run_owner(*sys.argv[1:])
