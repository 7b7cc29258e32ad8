from __future__ import annotations

import sys
from dataclasses import replace

import matplotlib as mpl
import pytest

from tamiyo.contracts import ConfigError, encode_event
from tamiyo.telemetry import summarize_run
from tamiyo.ui import draw_growth_picture
from tests.support.events import BITS, build_run

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def draw(path, summary=None, **options):
    draw_growth_picture(summary or summarize(**options), path)
    return path.read_bytes()


def summarize(**options):
    return summarize_run(encode_event(event) for event in build_run(**options))


def read_settings():
    """All but the backend: merely reading that one makes matplotlib choose it, with pyplot."""
    return {name: mpl.rcParams[name] for name in mpl.rcParams if name != "backend"}


def test_the_picture_is_a_png_and_the_same_bytes_each_time(tmp_path):
    first, second = draw(tmp_path / "a.png"), draw(tmp_path / "b.png")
    assert first.startswith(PNG_SIGNATURE)
    assert first == second


def test_the_users_own_matplotlib_settings_change_nothing(tmp_path):
    plain = draw(tmp_path / "a.png")
    with mpl.rc_context({"font.size": 20, "axes.grid": True, "lines.linewidth": 9}):
        assert draw(tmp_path / "b.png") == plain


def test_the_picture_leaves_no_figure_and_no_setting_behind(tmp_path):
    before = read_settings()
    draw(tmp_path / "a.png")
    assert read_settings() == before
    assert "matplotlib.pyplot" not in sys.modules


@pytest.mark.parametrize(
    "options",
    [
        {"epochs": 0, "is_finished": False},
        {"epochs": 1, "is_finished": False},
        {"epochs": 30, "is_finished": False},
        {"epochs": 30},
        {"metric": BITS, "has_test": False},
    ],
)
def test_a_run_can_be_drawn_however_far_it_came(options, tmp_path):
    assert draw(tmp_path / "a.png", **options).startswith(PNG_SIGNATURE)


def test_more_slots_make_a_higher_picture(tmp_path):
    summary = summarize()
    many = replace(summary, slot_ids=tuple(f"r0c{n}" for n in range(9)))
    sizes = [draw(tmp_path / "a.png", each)[20:24] for each in (summary, many)]
    assert int.from_bytes(sizes[1]) > int.from_bytes(sizes[0])


def test_a_picture_that_exists_is_replaced(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    assert draw(tmp_path / "a.png").startswith(PNG_SIGNATURE)


def test_without_matplotlib_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r"matplotlib, got none: pip install 'tamiyo\[plot\]'"):
        draw_growth_picture(summarize(), tmp_path / "a.png")
    assert not (tmp_path / "a.png").exists()
