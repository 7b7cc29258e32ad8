"""Arms that share one final structure: one blueprint in the first two slots, by a schedule."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from rich.console import Console

from tamiyo.contracts import LifecycleConfig, encode_record
from tamiyo.engine import EngineConfig
from tamiyo.recipes import RunConfig, compare_runs
from tamiyo.ui import render_compare_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["build_arm", "build_parser", "print_comparison"]

_SEED = """\
[[seed]]
slot = "{slot}"
germinate = {epoch}
blueprint = "{blueprint}"
incubate = {incubate}

"""


def build_parser(description: str, *, seeds: int, first_seed: int) -> argparse.ArgumentParser:
    """Build the options every experiment has."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--task", default="digits-canvas")
    parser.add_argument("--blueprint", default="conv_heavy")
    parser.add_argument("--germinate", type=int, default=10, help="epoch of germination")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--first-seed", type=int, default=first_seed)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", action="store_true")
    return parser


def build_arm(
    arguments: argparse.Namespace,
    folder: Path,
    *,
    germinate: int,
    incubate_epochs: int = 0,
    ramp: bool = True,
    seed_factor: float = 0.5,
    epochs: int | None = None,
) -> RunConfig:
    """Build one arm; its schedule is written into ``folder``.

    Both seeds must be committed in every arm, so the gates ask for measurements only.
    """
    path = folder / f"germinate-{germinate}-incubate-{incubate_epochs}.toml"
    path.write_text(
        "".join(
            _SEED.format(
                slot=slot,
                epoch=germinate,
                blueprint=arguments.blueprint,
                incubate=max(1, incubate_epochs),
            )
            for slot in ("r0c0", "r0c1")
        )
    )
    lifecycle = LifecycleConfig(
        incubate=incubate_epochs > 0,
        ramp=ramp,
        min_shadow_gain=0,
        min_fossilize_contribution=0,
        contribution_errors=0,
    )
    return RunConfig(
        task=arguments.task,
        controller=f"schedule:{path}",
        seed=arguments.first_seed,
        epochs=epochs,
        engine=EngineConfig(lifecycle=lifecycle, seed_learning_rate_factor=seed_factor),
    )


def print_comparison(
    arguments: argparse.Namespace, build_arms: Callable[[Path], Mapping[str, RunConfig]]
) -> None:
    """Run the arms, the first one as the reference and the grown one, and print the table."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        arms = build_arms(Path(folder))
        reference = next(iter(arms))
        comparison = compare_runs(
            arms,
            seeds=arguments.seeds,
            reference=reference,
            grown=reference,
            workers=arguments.workers,
        )
    if arguments.json:
        print(json.dumps(encode_record(comparison)))
    else:
        Console().print(render_compare_table(comparison.rows))
