"""A run, or two beside each other, as one HTML file that needs nothing else."""

from __future__ import annotations

from tamiyo.ui.page.beside import build_comparison_page
from tamiyo.ui.page.document import build_run_page

__all__ = ["build_comparison_page", "build_run_page"]
