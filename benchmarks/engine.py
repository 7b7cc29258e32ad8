"""Training a population as one network against training its environments one after the other.

One thread, CPU time (wall time for the workers), both ways in turn in one run, denormal numbers
flushed in both; medians of the ratios. Milliseconds are those of one environment's epoch, training
and validation. The sequential side has at most eight environments: what one costs there does not
depend on how many there are. A target of 0.8 is "at most 25 % more", one of 0.952 "at most 5 %".

*peak* is the share of the machine's matrix-multiply peak, a 1024 x 1024 product timed in the same
round, that the multiply-adds of training reach.
"""

from __future__ import annotations

import argparse
import json
import os
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from support.cases import (
    EIGHT_BLUEPRINTS,
    canvas_cnn,
    large_mlp,
    small_cnn,
    small_mlp,
    transformer,
    wide_cnn,
)
from support.engine_report import (
    Fact,
    draw_phases,
    draw_speed,
    list_facts,
    list_layers,
    list_phases,
    list_table,
)
from support.lowerings import measure_layers
from support.racing import Row, mix, race
from support.surroundings import choose, edit, measure_memory, share

from tamiyo.engine import ask_for_equal_bits

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.cases import Case

_RACES: Final[tuple[tuple[Callable[[], Case], dict[int, float | None]], ...]] = (
    (small_cnn, {1: None, 4: None, 16: None, 64: 8.0}),
    (partial(wide_cnn, 16), {4: None, 16: None, 32: 4.0}),
    (partial(wide_cnn, 64), {4: None, 16: None, 32: 2.2}),
    (small_mlp, {1: None, 4: None, 16: None, 64: 6.0}),
    (transformer, {1: None, 4: None, 16: 1.4}),
    (canvas_cnn, {16: None, 64: None}),
)
"""Host, and population sizes with the number of times that they are to be faster."""

_CHOICES: Final[tuple[tuple[Callable[[], Case], int], ...]] = (
    (small_cnn, 1),
    (small_cnn, 4),
    (small_mlp, 1),
    (small_mlp, 4),
    (transformer, 4),
    (canvas_cnn, 4),
    (partial(wide_cnn, 16), 4),
    (partial(wide_cnn, 64), 4),
    (large_mlp, 4),
    (partial(wide_cnn, 64, (64, 128, 128)), 4),
)
"""Host and population size of what ``auto`` has to choose for."""

_EDITED: Final = 64


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="repetitions of every row")
    parser.add_argument("--quick", action="store_true", help="the main rows, one round each")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--layers", action="store_true", help="compare lowerings of convolutions")
    parser.add_argument("--picture", type=Path, metavar="FOLDER", help="write two PNGs there")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ask_for_equal_bits()
    torch.set_flush_denormal(True)
    rounds = 1 if arguments.quick else arguments.rounds
    if arguments.layers:
        layers = measure_layers(5 * rounds)
        show(arguments, {"layers": [asdict(row) for row in layers]}, list_layers(layers))
        return
    before = os.getloadavg()[0]
    rows = list(measure(rounds, is_quick=arguments.quick))
    facts = list(gather_facts(rounds, is_quick=arguments.quick))
    loads = f"load {before:.1f} before, {os.getloadavg()[0]:.1f} after, {os.cpu_count()} cores"
    found = {
        "rows": [{**asdict(row), "verdict": row.verdict} for row in rows],
        "facts": [asdict(fact) for fact in facts],
        "load": loads,
    }
    tables = (list_table(rows), list_phases(rows), list_facts(facts), [loads])
    show(arguments, found, [line for table in tables for line in (*table, "")])
    if arguments.picture is not None:
        arguments.picture.mkdir(parents=True, exist_ok=True)
        raced = [row for row in rows if row.phases]
        draw_speed(raced, arguments.picture / "engine-speed.png")
        smallest = [row for row in raced if row.name == small_cnn().name]
        draw_phases(smallest, arguments.picture / "engine-phases.png")


def show(arguments: argparse.Namespace, found: dict[str, object], lines: list[str]) -> None:
    """Print what was found."""
    print(json.dumps(found, indent=2) if arguments.json else "\n".join(lines))


def measure(rounds: int, *, is_quick: bool) -> Iterator[Row]:
    """Measure every row; the quick ones are those with a target, in small populations."""
    for build, sizes in _RACES:
        for environments, target in sizes.items():
            if not is_quick or target is not None:
                yield race(build(), environments, rounds=rounds, group="batched", target=target)
    for build, environments in _CHOICES[: 2 if is_quick else None]:
        yield choose(build(), environments, rounds=rounds)
    if is_quick:
        return
    for environments in (16, 64):
        yield mix(small_cnn(), environments, EIGHT_BLUEPRINTS, rounds=rounds)
    yield mix(canvas_cnn(), 32, EIGHT_BLUEPRINTS, rounds=min(rounds, 3))
    yield share(rounds=2 * rounds)


def gather_facts(rounds: int, *, is_quick: bool) -> Iterator[Fact]:
    """Measure what is no comparison."""
    whole, banks = edit(small_cnn(), _EDITED, rounds=4 * rounds)
    name = f"germinate and prune a seed in a population of {_EDITED}"
    yield Fact(name=name, value=whole, unit="ms", at_most=2.0)
    yield Fact(name="of which keeping the banks in step", value=banks, unit="ms")
    if is_quick:
        return
    for build in (small_cnn, partial(wide_cnn, 16)):
        yield Fact(
            name=f"memory an environment adds, {build().name}",
            value=measure_memory(build, 8, 40),
            unit="KiB",
        )


if __name__ == "__main__":
    main()
