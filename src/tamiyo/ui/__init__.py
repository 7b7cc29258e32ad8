"""Shows a run, from its events or its summary and never from a model."""

from __future__ import annotations

from tamiyo.ui.dashboard import RunWatcher
from tamiyo.ui.explaining.decisions import render_decisions
from tamiyo.ui.explaining.explanation import render_explanation
from tamiyo.ui.live_page import (
    LivePageServer,
    LogPublisher,
    StateFeed,
    build_token,
    load_token,
)
from tamiyo.ui.metric import MetricView
from tamiyo.ui.page import build_comparison_page, build_run_page
from tamiyo.ui.report.learning import LearningCurve, draw_learning_picture
from tamiyo.ui.report.picture import draw_growth_picture
from tamiyo.ui.terminal.progress import ProgressSink
from tamiyo.ui.terminal.tables import render_compare_table, render_result_table
from tamiyo.ui.terminal.training import TrainingSink

__all__ = [
    "LearningCurve",
    "LivePageServer",
    "LogPublisher",
    "MetricView",
    "ProgressSink",
    "RunWatcher",
    "StateFeed",
    "TrainingSink",
    "build_comparison_page",
    "build_run_page",
    "build_token",
    "draw_growth_picture",
    "draw_learning_picture",
    "load_token",
    "render_compare_table",
    "render_decisions",
    "render_explanation",
    "render_result_table",
]
