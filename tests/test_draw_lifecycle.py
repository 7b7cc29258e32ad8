from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tamiyo.contracts import TRANSITIONS, LifecycleOp, SeedStage
from tools import draw_lifecycle

PICTURE = Path(__file__).parent.parent / "docs" / "images" / "lifecycle.svg"


def arrows():
    return {(arrow.source, arrow.target): arrow.label for arrow in draw_lifecycle.list_arrows()}


def test_the_picture_in_the_documentation_is_up_to_date(tmp_path):
    assert draw_lifecycle.main([str(tmp_path / "drawn.svg")]) == 0
    drawn = (tmp_path / "drawn.svg").read_text(encoding="utf-8")
    assert PICTURE.read_text(encoding="utf-8") == drawn, (
        "run `python -m tools.draw_lifecycle docs/images/lifecycle.svg`"
    )


def test_every_transition_of_a_slot_is_an_arrow():
    expected = {
        (source, target)
        for source, targets in TRANSITIONS.items()
        for target in targets
        if source != SeedStage.UNKNOWN
    }
    assert set(arrows()) == expected


def test_arrows_say_which_op_leads_along_them():
    found = arrows()
    assert found[SeedStage.DORMANT, SeedStage.GERMINATED] == "GERMINATE"
    assert found[SeedStage.TRAINING, SeedStage.BLENDING] == "ADVANCE (G2)"
    assert found[SeedStage.HOLDING, SeedStage.BLENDING] == "SET_ALPHA_TARGET"
    assert found[SeedStage.HOLDING, SeedStage.PRUNED] == "PRUNE"
    assert found[SeedStage.EMBARGOED, SeedStage.RESETTING] == draw_lifecycle.CLOCK


def test_a_label_that_legality_contradicts_is_refused(monkeypatch):
    monkeypatch.setattr(draw_lifecycle, "legal_ops", lambda *_: frozenset({LifecycleOp.WAIT}))
    with pytest.raises(ValueError, match="must have its op legal"):
        draw_lifecycle.list_arrows()


def test_every_stage_and_label_is_drawn_inside_the_page():
    svg = draw_lifecycle.draw_lifecycle()
    page = ET.fromstring(svg)
    width, height = (int(page.get(name)) for name in ("width", "height"))
    texts = [item for item in page.iter() if item.tag.endswith("}text")]
    assert all(0 < int(t.get("x")) < width and 0 < int(t.get("y")) < height for t in texts)
    shown = {item.text for item in texts}
    resting = set(SeedStage) - {SeedStage.UNKNOWN, SeedStage.DORMANT}
    assert {stage.name for stage in resting} | {"free slot"} <= shown
    assert len(re.findall(r"marker-end", svg)) == len(arrows())


def test_without_a_file_it_says_how_it_is_called(capsys):
    assert draw_lifecycle.main([]) == 2
    assert "usage: python -m tools.draw_lifecycle OUT.svg" in capsys.readouterr().err
