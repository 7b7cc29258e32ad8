from __future__ import annotations

import sys

import pytest

from tamiyo.contracts import ConfigError
from tamiyo.ui.report.canvas import write_picture


def test_a_picture_has_the_size_that_was_asked_for(tmp_path):
    write_picture(lambda figure: None, tmp_path / "a.png", size_inches=(2.0, 1.0))
    header = (tmp_path / "a.png").read_bytes()[16:24]
    assert (int.from_bytes(header[:4]), int.from_bytes(header[4:])) == (320, 160)


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match="needs matplotlib, got none: pip install"):
        write_picture(lambda figure: None, tmp_path / "a.png", size_inches=(2.0, 1.0))
