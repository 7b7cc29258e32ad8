"""Interleaved timing shared by the benchmarks: CPU time, medians, and the ratio of two of them."""

from __future__ import annotations

import argparse
import gc
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two ways to do the same work, timed.

    Attributes:
        name: What is compared.
        ours_milliseconds: Median CPU time of Tamiyo's way.
        reference_milliseconds: Median CPU time of the other way.
        ratio: Median over the repetitions of the first divided by the second.
        target: The ratio to reach, with the sense of the comparison.
        reached: Whether it is.
    """

    name: str
    ours_milliseconds: float
    reference_milliseconds: float
    ratio: float
    target: str
    reached: bool


def compare(
    name: str,
    ours: Callable[[], object],
    reference: Callable[[], object],
    *,
    repetitions: int,
    at_most: float,
) -> Comparison:
    """Time two functions in turn, so that a busy machine disturbs both alike."""
    for function in (ours, reference, ours, reference):
        function()
    gc.collect()
    gc.disable()
    times = [(_time(ours), _time(reference)) for _ in range(repetitions)]
    gc.enable()
    ratio = median(one / two for one, two in times)
    return Comparison(
        name=name,
        ours_milliseconds=1e3 * median(one for one, _ in times),
        reference_milliseconds=1e3 * median(two for _, two in times),
        ratio=ratio,
        target=f"<= {at_most:.3g}",
        reached=ratio <= at_most,
    )


def run(summary: str, measure: Callable[[int], Sequence[Comparison]], *, repetitions: int) -> None:
    """Read the command line, measure on one thread and print.

    Args:
        summary: What is measured.
        measure: Gives the comparisons for a number of repetitions.
        repetitions: How many if the command line does not say.
    """
    parser = argparse.ArgumentParser(description=summary)
    parser.add_argument("--repetitions", type=int, default=repetitions)
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    comparisons = measure(arguments.repetitions)
    if arguments.json:
        print(json.dumps([asdict(comparison) for comparison in comparisons], indent=2))
        return
    for item in comparisons:
        print(
            f"{item.name:44} {item.ours_milliseconds:9.2f} ms {item.reference_milliseconds:9.2f} ms"
            f"   ratio {item.ratio:.3f}   target {item.target}{'' if item.reached else '   MISSED'}"
        )


def time_wall(function: Callable[[], object]) -> float:
    """Time one call in seconds of wall time."""
    start = perf_counter()
    function()
    return perf_counter() - start


def read_cpu_seconds(process_id: int) -> float:
    """Read the CPU time of another process; needs Linux."""
    nanoseconds = Path(f"/proc/{process_id}/schedstat").read_text(encoding="ascii").split()[0]
    return int(nanoseconds) / 1e9


def _time(function: Callable[[], object]) -> float:
    start = process_time()
    function()
    return process_time() - start
