"""A run on paper: the picture of its growth, or of what a controller learned."""

from __future__ import annotations

from tamiyo.ui.report.learning import LearningCurve, draw_learning_picture
from tamiyo.ui.report.picture import draw_growth_picture

__all__ = ["LearningCurve", "draw_growth_picture", "draw_learning_picture"]
