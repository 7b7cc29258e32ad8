"""Shows a run, from its events or its summary and never from a model."""

from __future__ import annotations

from tamiyo.ui.metric import MetricView
from tamiyo.ui.report.picture import draw_growth_picture
from tamiyo.ui.terminal.progress import ProgressSink
from tamiyo.ui.terminal.tables import render_compare_table, render_result_table

__all__ = [
    "MetricView",
    "ProgressSink",
    "draw_growth_picture",
    "render_compare_table",
    "render_result_table",
]
