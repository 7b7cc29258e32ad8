"""A run on paper: the picture of its growth."""

from __future__ import annotations

from tamiyo.ui.report.picture import draw_growth_picture

__all__ = ["draw_growth_picture"]
