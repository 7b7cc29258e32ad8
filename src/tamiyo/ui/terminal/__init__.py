"""A run in the terminal: lines while it happens, tables when it is over."""

from __future__ import annotations

from tamiyo.ui.terminal.progress import ProgressSink
from tamiyo.ui.terminal.tables import render_compare_table, render_result_table
from tamiyo.ui.terminal.training import TrainingSink

__all__ = ["ProgressSink", "TrainingSink", "render_compare_table", "render_result_table"]
