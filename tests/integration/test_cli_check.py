"""`tamiyo check` as its users meet it."""

from __future__ import annotations

import json
import sys

import pytest

from tamiyo.checks import CheckResult, CheckStatus
from tamiyo.cli import main
from tamiyo.cli.records import check

HOST = """\
import torch
from torch import nn

def build():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3))
"""


def test_a_run_of_the_readme_is_checked_requirement_by_requirement(tmp_path, capsys):
    run = tmp_path / "run"
    words = ["--task", "digits-mlp", "--controller", "random-legal", "--epochs", "20"]
    assert main(["grow", *words, "--out", str(run), "--json"]) == 0
    capsys.readouterr()
    assert main(["check", str(run), "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert len(checks) == 23
    assert {row["status"] for row in checks} == {"pass", "not applicable"}
    assert all(row["observed"] for row in checks)
    assert main(["check", str(run)]) == 0
    printed = capsys.readouterr().out
    assert "4.2  legality" in printed
    assert "0 fail" in printed


def test_a_record_that_cannot_be_true_exits_with_1(tmp_path, capsys):
    run = tmp_path / "run"
    words = ["--task", "digits-mlp", "--controller", "random-legal", "--epochs", "20"]
    assert main(["grow", *words, "--out", str(run), "--json"]) == 0
    capsys.readouterr()
    log = (run / "events.jsonl").read_text().replace('"age_epochs":1,', '"age_epochs":3,')
    (run / "events.jsonl").write_text(log)
    assert main(["check", str(run), "--json"]) == 1
    checks = json.loads(capsys.readouterr().out)["checks"]
    failed = {row["id"]: row["observed"] for row in checks if row["status"] == "fail"}
    assert "4.4" in failed
    assert "its age went from" in failed["4.4"]


@pytest.mark.slow
def test_a_host_of_ones_own_is_checked(tmp_path, monkeypatch, capsys):
    (tmp_path / "own_module.py").write_text(HOST)
    monkeypatch.chdir(tmp_path)
    assert main(["check", "--host", "own_module:build", "--input", "5,6", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    assert {"4.1", "4.2", "8.1", "8.2"} <= {row["id"] for row in checks if row["status"] == "pass"}
    sys.modules.pop("own_module")


def test_reasons_stand_once_below_the_table(monkeypatch, capsys):
    results = [
        CheckResult(id="1.1", title="a", status=CheckStatus.FAIL, observed="x [3] is 4"),
        CheckResult(id="1.2", title="b", status=CheckStatus.NOT_APPLICABLE, observed="nothing"),
        CheckResult(id="1.3", title="c", status=CheckStatus.NOT_APPLICABLE, observed="nothing"),
    ]
    monkeypatch.setattr(check, "check_task", lambda *_words, **_options: tuple(results))
    assert main(["check", "--task", "digits-cnn"]) == 1
    printed = capsys.readouterr().out
    assert "x [3] is 4" in printed
    assert "1.2, 1.3: not applicable, nothing" in printed
    assert "0 pass, 1 fail, 2 not applicable" in printed


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "one of RUN, --task and --host must be given, got none"),
        (["runs/x", "--task", "spirals"], "must be given, got run and task"),
        (["--task", "spirals", "--input", "2,3"], "must go with --host, got them with task"),
        (["--task", "nothing"], "task must be one of"),
        (["--task", "spirals", "--seed", "-1"], "--seed must be at least 0, got -1"),
        (["--host", "nowhere"], "module must be written PACKAGE.MODULE:FACTORY"),
        (["nowhere"], "run folder must hold the config.json of a run"),
    ],
)
def test_mistakes_are_one_clear_line(words, message, capsys):
    assert main(["check", *words]) == 2
    printed = capsys.readouterr()
    assert message in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
