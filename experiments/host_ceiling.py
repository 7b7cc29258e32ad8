"""How much can adapting to the host win? The best schedule per kind of host against one for all.

Plays fixed schedules on every kind of host that digits-cnn draws. Which schedule is best is decided
on one half of the seeds and scored on the other, both ways, so that the maximum over noise does not
count. Results are kept in ``docs/results/host_ceiling.json``, kind by kind.
Run: ``python experiments/host_ceiling.py``; the table alone: ``--report``.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from support.ceiling import gather_gains, measure_ceiling
from support.host_episodes import TASK, follow, play_on

from tamiyo.contracts import Blueprint, Style
from tamiyo.controller import Schedule, SeedPlan
from tamiyo.engine import ask_for_equal_bits
from tamiyo.tasks import get_task

if TYPE_CHECKING:
    from collections.abc import Mapping


ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results" / "host_ceiling.json"
SEEDS = range(40_000_000, 40_000_008)
FIRST_EPOCH = 2

_N, _C, _H = Blueprint.NORM, Blueprint.CONV_SMALL, Blueprint.CONV_HEAVY
_D, _K, _A = Blueprint.DEPTHWISE, Blueprint.BOTTLENECK, Blueprint.ATTENTION
_L = Blueprint.CONV_LIGHT
PLANS: dict[str, tuple[Blueprint | None, ...]] = {
    "wait": (),
    "norm, -, -": (_N,),
    "-, norm, -": (None, _N),
    "norm, norm, -": (_N, _N),
    "norm, norm, norm": (_N, _N, _N),
    "conv_light, -, -": (_L,),
    "conv_small, -, -": (_C,),
    "-, conv_small, -": (None, _C),
    "conv_small, conv_small, conv_small": (_C, _C, _C),
    "conv_heavy, -, -": (_H,),
    "-, conv_heavy, -": (None, _H),
    "-, -, conv_heavy": (None, None, _H),
    "conv_heavy, conv_heavy, -": (_H, _H),
    "conv_heavy, conv_heavy, conv_heavy": (_H, _H, _H),
    "norm, conv_heavy, norm": (_N, _H, _N),
    "depthwise, depthwise, depthwise": (_D, _D, _D),
    "bottleneck, bottleneck, bottleneck": (_K, _K, _K),
    "attention, attention, attention": (_A, _A, _A),
}
"""What is planted in each slot, one epoch after the other, and committed as soon as it may be."""


def main() -> None:
    """Play what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", action="store_true", help="print what is there, play nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ask_for_equal_bits()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not arguments.report:
        _play_missing(results)
    for source in ("varied", "held_out"):
        _print_table(source, results)


def _play_missing(results: dict[str, dict[str, list[float]]]) -> None:
    distribution = get_task(TASK).distribution
    assert distribution is not None, "digits-cnn has one"
    for kind, conditions in {**distribution.varied, **distribution.held_out}.items():
        if kind in results:
            continue
        begun = time.process_time()
        pairs = [(plan, seed) for plan in PLANS for seed in SEEDS]
        played = play_on(
            conditions,
            [follow(_build(PLANS[plan])) for plan, _ in pairs],
            [seed for _, seed in pairs],
        )
        scores: dict[str, list[float]] = {plan: [] for plan in PLANS}
        for (plan, _), one in zip(pairs, played, strict=True):
            scores[plan].append(round(one.control_score, 4))
        results[kind] = scores
        partial = RESULTS.with_suffix(".partial")
        partial.write_text(json.dumps(results))
        partial.replace(RESULTS)
        spent = (time.process_time() - begun) / len(pairs)
        print(f"{kind}: {spent:.2f} CPU-seconds per episode", flush=True)


def _build(blueprints: tuple[Blueprint | None, ...]) -> Schedule | None:
    slots = get_task(TASK).slots
    seeds = tuple(
        SeedPlan(
            slot=slot,
            germinate=FIRST_EPOCH + place,
            blueprint=blueprint,
            style=Style.SIGMOID_ADD,
        )
        for place, (slot, blueprint) in enumerate(zip(slots, blueprints, strict=False))
        if blueprint is not None
    )
    return Schedule(seeds=seeds) if seeds else None


def _print_table(source: str, results: Mapping[str, Mapping[str, list[float]]]) -> None:
    distribution = get_task(TASK).distribution
    kinds = [kind for kind in getattr(distribution, source) if kind in results]
    if not kinds:
        return
    gains = gather_gains(results, kinds)
    names = list(results[kinds[0]])
    print(f"\n{source}: {len(SEEDS)} seeds, points beyond waiting\n")
    print(f"| schedule | {' | '.join(kinds)} | mean |")
    print("|---" * (len(kinds) + 2) + "|")
    means = gains.mean(2)
    for place in np.argsort(-means.mean(0)):
        cells = " | ".join(f"{value:+.1f}" for value in means[:, place])
        print(f"| {names[place]} | {cells} | {means[:, place].mean():+.2f} |")
    own, common = measure_ceiling(gains)
    print(
        f"\nbest per kind {own:+.2f}, best for all {common:+.2f}: adapting can win "
        f"{own - common:.2f} points (split halves)"
    )


if __name__ == "__main__":
    main()
