"""Is growth worth more than the same structure from the start, at equal multiply-adds?

Two seeds of one blueprint go into the first two slots of the task's host. *Grown* plants them at one
epoch; the other arms have them from the first epoch on and train for as many epochs as grown's
multiply-adds pay for, with the seeds at the host's learning rate or at the lower one grown seeds have.
Every arm commits both seeds, so every arm ends with one structure. Run:
``python experiments/static_final.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path

import torch
from rich.console import Console

from tamiyo.contracts import LifecycleConfig, encode_record
from tamiyo.engine import EngineConfig
from tamiyo.recipes import RunConfig, compare_runs
from tamiyo.ui import render_compare_table

_SCHEDULE = """\
[[seed]]
slot = "{slot}"
germinate = {epoch}
blueprint = "{blueprint}"

"""


def main() -> None:
    """Run the arms and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", default="digits-canvas")
    parser.add_argument("--blueprint", default="conv_heavy")
    parser.add_argument("--germinate", type=int, default=10, help="epoch grown plants its seeds in")
    parser.add_argument("--static-epochs", type=int, default=52, help="epochs of equal multiply-adds")
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first-seed", type=int, default=200)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        arms = _build_arms(arguments, Path(folder))
        comparison = compare_runs(
            arms,
            seeds=arguments.seeds,
            reference="grown",
            grown="grown",
            workers=arguments.workers,
        )
    if arguments.json:
        print(json.dumps(encode_record(comparison)))
    else:
        Console().print(render_compare_table(comparison.rows))


def _build_arms(arguments: argparse.Namespace, folder: Path) -> dict[str, RunConfig]:
    def arm(epoch: int, factor: float, epochs: int | None) -> RunConfig:
        path = folder / f"{epoch}.toml"
        path.write_text(
            "".join(
                _SCHEDULE.format(slot=slot, epoch=epoch, blueprint=arguments.blueprint)
                for slot in ("r0c0", "r0c1")
            )
        )
        # Every arm must end with the same structure, so the gates ask for measurements only.
        lifecycle = LifecycleConfig(
            incubate=False,
            min_fossilize_contribution=0,
            contribution_errors=0,
        )
        engine = EngineConfig(lifecycle=lifecycle, seed_learning_rate_factor=factor)
        return RunConfig(
            task=arguments.task,
            controller=f"schedule:{path}",
            seed=arguments.first_seed,
            epochs=epochs,
            engine=engine,
        )

    static = arguments.static_epochs
    return {
        "grown": arm(arguments.germinate, 0.5, None),
        "from epoch 1, equal multiply-adds, seeds at half rate": arm(1, 0.5, static),
        "from epoch 1, equal multiply-adds, seeds at full rate": arm(1, 1.0, static),
    }


if __name__ == "__main__":
    main()
