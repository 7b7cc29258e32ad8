"""Colors of the page."""

from __future__ import annotations

import re

from tamiyo.contracts import LifecycleOp
from tamiyo.ui.page.elements.colors import write_colors
from tamiyo.ui.report.palette import STAGES


def test_every_stage_has_the_color_it_has_in_pictures():
    css = write_colors()
    for stage, (_, color) in STAGES.items():
        assert f".fill-{stage.name}{{fill:{color};" in css


def test_every_op_has_a_color():
    for op in LifecycleOp:
        assert f"--op-{op.name}:#" in write_colors()


def test_lines_stand_out_from_a_dark_ground():
    dark = re.search(r'\[data-theme="dark"\]\{([^}]*)\}', write_colors())[1]
    for name, color in re.findall(r"--([\w-]+):#(\w{6})", dark):
        parts = [int(color[at : at + 2], 16) for at in (0, 2, 4)]
        assert 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2] > 110, name
