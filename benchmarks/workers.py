"""Two worker processes against one process: wall time, synchronization, bytes.

Wall time is the point here: CPU time cannot show what a second core is worth. It means something
only while two cores are free, so the load of the machine is printed, and beside the ratio of wall
times the one of CPU times: all of the one process over the busier worker, which is what two free
cores would give.

Synchronization is measured with populations that do no work, and bare, as a message over a pipe
and as a barrier. Bytes are those of 16 hosts with three seeds each.
"""

from __future__ import annotations

import argparse
import json
import os
from functools import partial
from multiprocessing import get_context
from multiprocessing.reduction import ForkingPickler
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch
from support.populations import (
    SHOWING_AGAIN,
    SPEC,
    build_idle,
    build_members,
)
from support.surroundings import race_processes
from support.timing import time_wall

from tamiyo.contracts import AdaptationCommand, NullSink
from tamiyo.engine import WorkerPopulation
from tamiyo.engine.workers.messages import Reply, Request, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from multiprocessing.synchronize import Barrier

_ENVIRONMENTS = list(range(16))
_WORKERS = 2
_AT_LEAST = 1.8
_WAIT = [AdaptationCommand()] * len(_ENVIRONMENTS)
_WAIT_ROWS = np.array([head.neutral for head in SPEC.heads], dtype=np.int64)
_ACTIONS = np.tile(_WAIT_ROWS, (len(_ENVIRONMENTS), 1))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=6)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    load = os.getloadavg()[0]
    rows = {
        "load before": load,
        **measure_epochs(arguments.repetitions),
        **measure_synchronization(200 * arguments.repetitions),
        **count_bytes(),
        "load after": os.getloadavg()[0],
        "cores": os.cpu_count() or 0,
    }
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return
    for name, value in rows.items():
        print(f"{name:60} {value:12,.3f}")


def measure_epochs(repetitions: int) -> dict[str, float]:
    """Train epochs of the same hosts in one process and in two, in turn."""
    walls, processor = race_processes(build_members, len(_ENVIRONMENTS), rounds=repetitions)
    return {
        "epoch of 16 hosts, one process, ms of wall": 1e3 * median(one for one, _ in walls),
        "epoch of 16 hosts, two workers, ms of wall": 1e3 * median(two for _, two in walls),
        f"times faster, wall (target >= {_AT_LEAST})": median(one / two for one, two in walls),
        "times faster, CPU of the busier worker": median(one / two for one, two in processor),
    }


def measure_synchronization(steps: int) -> dict[str, float]:
    """Time steps without work, and the bare signals."""
    with WorkerPopulation(
        build_idle, _ENVIRONMENTS, workers=_WORKERS, encoding=SHOWING_AGAIN
    ) as population:
        found = {
            "step with results over the pipe, ms": time_often(
                partial(population.step, _WAIT), steps
            ),
            "step in arrays, ms": time_often(partial(population.step_arrays, _ACTIONS), steps),
        }
    for name, rounds in (("pipes", pass_messages), ("barriers", meet_at_barrier)):
        found[f"bare signal to two processes and back, {name}, ms"] = median_milliseconds(
            rounds(steps)
        )
    return found


def count_bytes() -> dict[str, float]:
    """Count what a step sends, both ways and for all workers."""
    results = build_idle(_ENVIRONMENTS, NullSink()).initial
    size = len(results) // _WORKERS
    shards = [results[begin : begin + size] for begin in range(0, len(results), size)]
    commands = Step(commands=tuple(_WAIT[:size]), wants_results=True)
    rows = Step(commands=None, wants_results=False)
    shown = SHOWING_AGAIN.encode(results)
    return {
        "bytes pickled per step, results": sum(
            count_pickled(commands) + count_answer(shard) for shard in shards
        ),
        "bytes pickled per step, arrays": _WORKERS * (count_pickled(rows) + count_answer(None)),
        "bytes in shared memory per step, arrays": _ACTIONS.nbytes
        + sum(array.nbytes for array in shown.values()),
    }


def count_pickled(step: Step) -> int:
    """Count the bytes of a request."""
    return len(ForkingPickler.dumps(Request(order=step)))


def count_answer(value: object) -> int:
    """Count the bytes of a reply."""
    return len(ForkingPickler.dumps(Reply(value=value, events=(), error=None)))


def pass_messages(rounds: int) -> Iterator[float]:
    """Send a short message to two processes and wait for theirs."""
    context = get_context("spawn")
    pipes = [context.Pipe() for _ in range(_WORKERS)]
    processes = [context.Process(target=echo, args=(theirs,)) for _, theirs in pipes]
    for process, (_, theirs) in zip(processes, pipes, strict=True):
        process.start()
        theirs.close()

    def signal() -> None:
        for ours, _ in pipes:
            ours.send_bytes(b"go")
        for ours, _ in pipes:
            ours.recv_bytes()

    signal()
    yield from (time_wall(signal) for _ in range(rounds))
    for process, (ours, _) in zip(processes, pipes, strict=True):
        ours.close()
        process.join()


def echo(connection: Connection) -> None:
    """Send back what comes, until nothing can."""
    try:
        while True:
            connection.send_bytes(connection.recv_bytes())
    except EOFError:
        return


def meet_at_barrier(rounds: int) -> Iterator[float]:
    """Meet two processes at a barrier, and again when they are done."""
    context = get_context("spawn")
    barrier = context.Barrier(_WORKERS + 1)
    processes = [context.Process(target=meet, args=(barrier, rounds + 1)) for _ in range(_WORKERS)]
    for process in processes:
        process.start()

    def signal() -> None:
        barrier.wait()
        barrier.wait()

    signal()
    yield from (time_wall(signal) for _ in range(rounds))
    for process in processes:
        process.join()


def meet(barrier: Barrier, rounds: int) -> None:
    """Be at the barrier twice a round."""
    for _ in range(2 * rounds):
        barrier.wait()


def time_often(function: Callable[[], object], steps: int) -> float:
    """Give the median wall time of many calls in milliseconds."""
    function()
    return median_milliseconds(time_wall(function) for _ in range(steps))


def median_milliseconds(seconds: Iterator[float]) -> float:
    """Give the median of times in milliseconds."""
    return 1e3 * median(seconds)


if __name__ == "__main__":
    main()
