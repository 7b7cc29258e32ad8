"""Processes: blocks of seeds, results in order, and an end at once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time

import pytest

from tamiyo.contracts import InvariantError
from tamiyo.recipes.comparison.processes import split_seeds, spread_seeds


def run_block(seeds, report):
    """Stand in for a block: name each seed and the process it was run in."""
    for _ in seeds:
        report(0.5)
    return [{f"seed {seed}": os.getpid()} for seed in seeds]


def die(seeds, report):
    if 2 in seeds:
        os._exit(7)
    time.sleep(60)


@pytest.mark.parametrize(
    ("seeds", "workers", "blocks"),
    [
        (range(3, 10), 3, [[3, 4, 5], [6, 7], [8, 9]]),
        (range(2), 1, [[0, 1]]),
        (range(2), 5, [[0], [1]]),
    ],
)
def test_every_worker_gets_a_block_of_neighbors(seeds, workers, blocks):
    assert [list(block) for block in split_seeds(seeds, workers)] == blocks


def test_one_worker_is_this_process():
    told = []
    assert spread_seeds(run_block, range(2), 1, told.append) == [
        {"seed 0": os.getpid()},
        {"seed 1": os.getpid()},
    ]
    assert told == [0.5, 0.5]


@pytest.mark.slow
def test_results_of_processes_come_in_the_order_of_the_seeds():
    told = []
    results = spread_seeds(run_block, range(5), 2, told.append)
    assert [next(iter(result)) for result in results] == [f"seed {seed}" for seed in range(5)]
    assert len({process for result in results for process in result.values()}) == 2
    assert told == [0.5] * 5
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_process_that_dies_ends_the_others_at_once():
    start = time.monotonic()
    with pytest.raises(InvariantError, match="must end with its results, got exit code 7"):
        spread_seeds(die, range(4), 2, lambda _: None)
    assert time.monotonic() - start < 40
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_a_process_that_is_interrupted_interrupts_the_comparison():
    with pytest.raises(KeyboardInterrupt):
        spread_seeds(interrupt_itself, range(2), 2, lambda _: None)


def interrupt_itself(seeds, report):
    if 1 in seeds:
        os.kill(os.getpid(), signal.SIGINT)
    time.sleep(60)


@pytest.mark.slow
def test_an_interruption_ends_the_processes_at_once():
    def interrupt(_networks):
        raise KeyboardInterrupt

    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        spread_seeds(report_and_sleep, range(2), 2, interrupt)
    assert time.monotonic() - start < 40
    assert multiprocessing.active_children() == []


def report_and_sleep(seeds, report):
    report(1.0)
    time.sleep(60)
