"""Decisions in words: why they were made, and what followed."""

from __future__ import annotations

from tamiyo.ui.explaining.decisions import describe_command, render_decisions
from tamiyo.ui.explaining.explanation import render_explanation
from tamiyo.ui.explaining.happenings import describe_check_gaps, describe_happening

__all__ = [
    "describe_check_gaps",
    "describe_command",
    "describe_happening",
    "render_decisions",
    "render_explanation",
]
