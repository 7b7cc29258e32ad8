"""Does incubation pay? One structure, four ways to get it, on paired seeds.

Two seeds of one blueprint go into the first two slots of the task's host by one fixed schedule, and are
committed in every arm. The arms differ only in what happens between germination and full strength:
incubation on the shadow loss and a ramp, a ramp alone, full strength from birth; static-final has the
structure from scratch. Every arm trains for the same epochs. Run: ``python experiments/incubation.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from rich.console import Console

from tamiyo.contracts import LifecycleConfig, encode_record
from tamiyo.engine import EngineConfig
from tamiyo.recipes import RunConfig, compare_runs
from tamiyo.ui import render_compare_table

_SCHEDULE = """\
[[seed]]
slot = "r0c0"
germinate = {epoch}
blueprint = "{blueprint}"
incubate = {incubate}

[[seed]]
slot = "r0c1"
germinate = {epoch}
blueprint = "{blueprint}"
incubate = {incubate}
"""

_ARMS = {
    "full strength from birth": {"incubate": False, "ramp": False},
    "ramp": {"incubate": False, "ramp": True},
    "incubate and ramp": {"incubate": True, "ramp": True},
    "incubate, full strength after": {"incubate": True, "ramp": False},
}


def main() -> None:
    """Run the arms and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="digits-canvas")
    parser.add_argument("--blueprint", default="conv_heavy")
    parser.add_argument("--germinate", type=int, default=10, help="epoch of the first germination")
    parser.add_argument("--incubate", type=int, default=4, help="epochs of incubation")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        arms = _build_arms(arguments, Path(folder))
        comparison = compare_runs(
            arms,
            seeds=arguments.seeds,
            reference="full strength from birth",
            grown="full strength from birth",
            workers=arguments.workers,
        )
    if arguments.json:
        print(json.dumps(encode_record(comparison)))
    else:
        Console().print(render_compare_table(comparison.rows))


def _build_arms(arguments: argparse.Namespace, folder: Path) -> dict[str, RunConfig]:
    arms = {}
    for name, mechanics in _ARMS.items():
        path = folder / f"{name}.toml"
        path.write_text(
            _SCHEDULE.format(
                epoch=arguments.germinate,
                blueprint=arguments.blueprint,
                incubate=arguments.incubate,
            )
        )
        # Every arm must end with the same structure, so the gates ask for measurements only.
        lifecycle = LifecycleConfig(
            min_shadow_gain=0, min_fossilize_contribution=0, contribution_errors=0, **mechanics
        )
        config = RunConfig(
            task=arguments.task, controller=f"schedule:{path}", seed=arguments.first_seed
        )
        arms[name] = replace(config, engine=EngineConfig(lifecycle=lifecycle))
    return arms


if __name__ == "__main__":
    main()
