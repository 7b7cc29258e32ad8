from __future__ import annotations

import matplotlib as mpl

from tamiyo.ui import LearningCurve, draw_learning_picture

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
CURVES = [
    LearningCurve(group="recurrent", steps=(100, 200), values=(1.0, 2.0)),
    LearningCurve(group="recurrent", steps=(100, 200), values=(1.5, 2.5)),
    LearningCurve(group="feed-forward", steps=(100, 200), values=(0.5, 1.0)),
]


def draw(path, curves=CURVES, **options):
    draw_learning_picture(curves, path, label="score, points", **options)
    return path.read_bytes()


def test_the_picture_is_a_png_and_the_same_bytes_whatever_the_settings(tmp_path):
    plain = draw(tmp_path / "a.png")
    assert plain.startswith(PNG_SIGNATURE)
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 9}):
        assert draw(tmp_path / "b.png") == plain


def test_runs_and_references_are_drawn(tmp_path):
    plain = draw(tmp_path / "a.png")
    assert draw(tmp_path / "b.png", CURVES[:2]) != plain
    assert draw(tmp_path / "c.png", references={"clairvoyant": 3.0}) != plain
