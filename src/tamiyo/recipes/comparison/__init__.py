"""Controllers on paired seeds, beside networks that never grew."""

from __future__ import annotations

from tamiyo.recipes.comparison.compare import (
    Comparison,
    OnProgress,
    compare_controllers,
    compare_runs,
)
from tamiyo.recipes.comparison.seeds import SeedResults, run_seeds

__all__ = [
    "Comparison",
    "OnProgress",
    "SeedResults",
    "compare_controllers",
    "compare_runs",
    "run_seeds",
]
