"""What growing a model of the user's own leaves behind."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.console import Console
from torch import nn

from tamiyo.model import TamiyoModel, detach, save_export
from tamiyo.recipes.episode import EpisodeResult
from tamiyo.telemetry import MemorySink, RunSummary, summarize_run
from tamiyo.ui import render_result_table

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["GrowResult", "finish_growing"]

_TABLE_WIDTH: Final = 100


@dataclass(frozen=True, kw_only=True)
class GrowResult:
    """What growing a model left behind.

    Attributes:
        network: The grown network, a plain module of its own: the model's code with a seed behind
            every slot that was committed to. In evaluation mode.
        result: How good and how large it is, points and parameters.
        record: The run as its events tell it: every epoch, decision and seed.
        model: The model with its slots, as the last epoch left it.
    """

    network: nn.Module
    result: EpisodeResult
    record: RunSummary
    model: TamiyoModel

    @property
    def table(self) -> str:
        """The run in a table of plain text."""
        text = io.StringIO()
        Console(file=text, width=_TABLE_WIDTH).print(render_result_table(self.record))
        return text.getvalue()

    def save(self, folder: Path | str) -> None:
        """Export the network: weights, recipe, and code that needs PyTorch only.

        Args:
            folder: Folder to write; made if it is not there. ``tamiyo.load(folder, build_model)``
                builds the network again.

        Raises:
            ArtifactError: If the folder cannot be written.
        """
        save_export(self.model, folder)


def finish_growing(model: TamiyoModel, result: EpisodeResult, events: MemorySink) -> GrowResult:
    """Bring together what a run left behind.

    Args:
        model: The model after its last epoch.
        result: How its committed network was judged.
        events: Everything that happened.
    """
    return GrowResult(
        network=detach(model).eval(),
        result=result,
        record=summarize_run(events.encode()),
        model=model,
    )
