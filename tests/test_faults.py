"""The catalogue of planted faults is well formed, and covers what can be checked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tamiyo.checks import REQUIREMENTS
from tools import faults

ROOT = Path(__file__).parents[1]
FAULTS = faults.read_faults(ROOT / "tests" / "faults")


def test_there_are_at_least_forty_with_names_of_their_own():
    names = [fault.id for fault in FAULTS]
    assert len(names) == len(set(names)) >= 40


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_fault_changes_source_that_is_there_once(fault):
    text = (ROOT / "src" / "tamiyo" / fault.file).read_text(encoding="utf-8")
    assert text.count(fault.old) == 1
    assert fault.new != fault.old
    compile(text.replace(fault.old, fault.new), fault.file, "exec")


def test_faults_break_requirements_that_exist_and_every_checked_one_has_one():
    broken = {number for fault in FAULTS for number in fault.requirements}
    assert broken <= {requirement.id for requirement in REQUIREMENTS}
    assert {requirement.id for requirement in REQUIREMENTS if requirement.check} <= broken


def test_what_is_to_catch_a_fault_exists():
    for fault in FAULTS:
        assert fault.caught_by
        for catcher in fault.caught_by:
            if catcher.startswith("check:"):
                row, _, subject = catcher.removeprefix("check:").partition("@")
                assert row in fault.requirements
                assert subject in {"task", "training"}
            else:
                path, _, test = catcher.partition("::")
                assert f"def {test}(" in (ROOT / path).read_text(encoding="utf-8")


def test_the_page_is_what_the_catalogue_says():
    page = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    assert page == faults.build_page(FAULTS), "run `python -m tools.faults --page docs/faults.md`"


def test_a_stale_fault_is_an_error(tmp_path):
    (tmp_path / "one.py").write_text("a = 1\na = 1\n")
    fault = faults.Fault(
        id="x", requirements=(), what="", file="one.py", old="a = 1", new="a = 2", caught_by=()
    )
    with pytest.raises(ValueError, match=r"fault x must occur once in one\.py, got 2 times"):
        faults.plant(fault, tmp_path)


@pytest.mark.slow
def test_a_planted_fault_is_caught_and_an_unknown_one_refused():
    words = [sys.executable, "-m", "tools.faults", "--only"]
    done = subprocess.run(
        [*words, "prunes-shock-alike"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "1 of 1 faults were caught" in done.stderr) == (0, True)
    done = subprocess.run(
        [*words, "nothing"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, "got nothing" in done.stderr) == (2, True)
