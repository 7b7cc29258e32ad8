"""``tamiyo report`` as a user calls it."""

from __future__ import annotations

import shutil

import pytest

from tests.support.commands import call
from tests.support.stories import build_whole_run, build_whole_training, write_log


@pytest.fixture(name="runs")
def _runs(tmp_path):
    for name, build in (("first", build_whole_run), ("second", build_whole_training)):
        folder = tmp_path / name
        folder.mkdir()
        write_log(folder / "events.jsonl", build())
    return tmp_path


def test_a_report_is_written_beside_the_log(runs, capsys):
    code, out, err = call(capsys, "report", runs / "first")
    page = runs / "first" / "report.html"
    assert (code, err) == (0, "")
    assert str(page) in out
    assert "Structure timeline" in page.read_text()


@pytest.mark.parametrize("flag", ["-o", "--out"])
def test_two_runs_are_compared_in_a_file_of_ones_choice(runs, capsys, flag):
    page = runs / "new" / "both.html"
    code, _, _ = call(capsys, "report", runs / "first", runs / "second", flag, page)
    assert code == 0
    assert "Two runs beside each other" in page.read_text()


def test_it_derives_from_the_event_log_alone(runs, capsys):
    call(capsys, "report", runs / "first")
    page = runs / "first" / "report.html"
    (runs / "first" / "config.json").write_text("{}")
    (runs / "first" / "result.json").write_text("{}")
    alone = runs / "alone"
    alone.mkdir()
    shutil.copy(runs / "first" / "events.jsonl", alone / "other-name.jsonl")
    call(capsys, "report", alone / "other-name.jsonl")
    assert (alone / "report.html").read_bytes() == page.read_bytes()
    call(capsys, "report", runs / "first")
    assert (alone / "report.html").read_bytes() == page.read_bytes()


def test_the_log_of_a_killed_writer_is_reported_with_what_it_lacks(runs, capsys):
    log = runs / "first" / "events.jsonl"
    log.write_bytes(log.read_bytes()[:-1000])
    code, _, err = call(capsys, "report", runs / "first")
    assert (code, err) == (0, "")
    page = (runs / "first" / "report.html").read_text()
    assert "The log ends in the middle of an event" in page
    assert "The log has no end of the run" in page


def test_mistakes_are_one_clear_line(runs, capsys):
    code, out, err = call(capsys, "report", runs / "missing")
    assert (code, out) == (2, "")
    assert err.startswith("tamiyo: RUN must be a run folder with events.jsonl in it")
    (runs / "a-file").write_text("")
    code, _, err = call(capsys, "report", runs / "first", "-o", runs / "a-file" / "page.html")
    assert code == 2
    assert err.count("\n") == 1
    assert "--out must be a file that can be written" in err
