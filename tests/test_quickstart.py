"""The quickstart works as it is written: every command, in its order, prints what it shows."""

from __future__ import annotations

import re

import pytest

from tests.support.commands import call
from tests.support.pages import DOCS, ROOT, find_missing, read_blocks, run_commands, run_python

QUICKSTART = DOCS / "quickstart.md"


@pytest.mark.slow
def test_every_command_of_the_quickstart_prints_what_it_shows(tmp_path, monkeypatch, capsys):
    def run(words):
        program, command, *rest = words
        assert program == "tamiyo"
        code, out, err = call(capsys, command, *rest)
        assert (code, err) == (0, "")
        return out

    monkeypatch.chdir(tmp_path)
    commands = run_commands(QUICKSTART, run)
    used = {command.split()[1] for command in commands}
    assert used == {"grow", "report", "explain", "query", "evaluate", "replay", "train"}
    assert (tmp_path / "runs/first/report.html").exists()
    names = run_python(QUICKSTART)
    assert tuple(names["network"](names["digits"]).shape) == (4, 10)


def test_what_the_quickstart_asks_to_be_typed_is_run_or_sets_up():
    for block in read_blocks(QUICKSTART):
        lines = [line for line in block.text.splitlines() if block.language == "console"]
        if not any(line.startswith("$ ") for line in lines):
            assert [line.split("#")[0].strip() for line in lines] in (
                [],
                ["make setup", "source .venv/bin/activate"],
            )
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^setup:", makefile, re.MULTILINE)


@pytest.mark.parametrize(
    ("shown", "missing"),
    [
        (["a  1.5 %", "...", "c"], None),
        (["a 77 %", "c"], None),
        (["c", "a 1 %"], "a 1 %"),
        (["a 1 points"], "a 1 points"),
    ],
    ids=["spaces", "numbers", "order", "words"],
)
def test_shown_lines_must_be_printed_in_order_but_for_numbers(shown, missing):
    assert find_missing("a 2.0 %\nb\nc\n", shown) == missing
