"""``tamiyo evaluate``: load an exported network and judge it on a task's test split."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tamiyo.cli.flags import read_flags
from tamiyo.contracts import ACCURACY, encode_record

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EvaluateArguments", "run"]

_EXAMPLES = """\
  tamiyo evaluate --network runs/digits-canvas-heuristic-0 --task digits-canvas
  tamiyo evaluate --network my-run/export --task digits-cnn --json"""


@dataclass(frozen=True, kw_only=True)
class EvaluateArguments:
    """Load an exported network and judge it on a task's test split.

    Attributes:
        network: A run folder, or the export folder in it.
        task: Task to judge it on.
        json: Print one JSON object and nothing else.
    """

    network: Path
    task: str
    json: bool = False


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        TamiyoError: If the export is missing or damaged, or the task is unknown or does not fit.
    """
    arguments = read_flags(EvaluateArguments, words, command="evaluate", examples=_EXAMPLES)
    import torch

    from tamiyo.recipes import evaluate_network, load_network
    from tamiyo.ui import MetricView

    torch.set_num_threads(1)
    result = evaluate_network(load_network(arguments.network), arguments.task)
    if arguments.json:
        value = result.metric.to_value(result.test_accuracy)
        content = {"network": str(arguments.network), **encode_record(result), "test_value": value}
        print(json.dumps(content))
        return
    reached = MetricView(result.metric).write(result.test_accuracy)
    reached = f"{reached} right" if result.metric == ACCURACY else f"{result.metric.name} {reached}"
    print(
        f"{arguments.network}: {reached} on the test split of {result.task}, "
        f"{result.parameters} parameters"
    )
