"""The dashboard of a run as a picture for the documentation."""

from __future__ import annotations

import sys

import pytest

from tamiyo.telemetry import JsonlSink
from tests.support.events import build_run
from tools import draw_dashboard


@pytest.mark.parametrize(("flags", "words"), [([], "finished"), (["--events", "40"], "running")])
def test_a_run_is_drawn_as_it_stood(tmp_path, monkeypatch, flags, words):
    with JsonlSink(tmp_path / "events.jsonl") as sink:
        for event in build_run():
            sink.emit(event)
    out = tmp_path / "watch.svg"
    monkeypatch.setattr(sys, "argv", ["draw_dashboard", str(tmp_path), str(out), *flags])
    draw_dashboard.main()
    picture = out.read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert words in picture
    assert "r0c2" in picture
