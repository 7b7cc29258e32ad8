"""What a page is made of: markup, charts, colors and words."""

from __future__ import annotations

from tamiyo.ui.page.elements.charts import Frame, Line, draw_chart, find_ticks
from tamiyo.ui.page.elements.colors import write_colors
from tamiyo.ui.page.elements.markup import Content, Markup, join, tag

__all__ = [
    "Content",
    "Frame",
    "Line",
    "Markup",
    "draw_chart",
    "find_ticks",
    "join",
    "tag",
    "write_colors",
]
