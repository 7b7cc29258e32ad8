"""Keys as a terminal sends them."""

from __future__ import annotations

import io
import os
import pty
import sys

import pytest

from tamiyo.ui.dashboard.keys import KeyReader, parse_keys
from tamiyo.ui.dashboard.view import Key


@pytest.mark.parametrize(
    ("pressed", "keys"),
    [
        (b"", []),
        (b"q", [Key.QUIT]),
        (b"\x1b[D\x1b[C", [Key.PREVIOUS, Key.NEXT]),
        (b"\x1bOD", [Key.PREVIOUS]),
        (b"3 ", [3, Key.PAUSE]),
        (b"\x1b[A\xc3\xa4z", []),
    ],
)
def test_keys_are_read_and_others_passed_over(pressed, keys):
    assert list(parse_keys(pressed)) == keys


def test_keys_of_a_terminal_come_without_waiting_for_a_line(monkeypatch):
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        with KeyReader() as keys:
            assert keys.wait(0.0) == []
            os.write(ours, b"q")
            assert keys.wait(5.0) == [Key.QUIT]
    os.close(ours)


def test_without_a_terminal_no_key_is_read(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("q"))
    with KeyReader() as keys:
        assert keys.wait(0.0) == []
