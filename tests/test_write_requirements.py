"""The table of requirements is written from the code and misses nothing."""

from __future__ import annotations

from pathlib import Path

from tamiyo.checks import REQUIREMENTS
from tools import write_requirements

ROOT = Path(__file__).parents[1]
# The contract's rows, and those of them that a check must look at as well.
ROWS = {0: 12, 1: 5, 2: 4, 3: 4, 4: 4, 5: 5, 6: 4, 7: 8, 8: 6}
CHECKED = (
    "1.1 1.2 1.3 2.2 2.3 3.1 3.2 3.4 4.1 4.2 4.4 5.1 5.2 5.3 5.4 6.1 6.3 7.1 7.6 7.7 7.8 8.1 8.2"
)


def test_every_row_of_the_contract_is_there_and_in_order():
    numbers = [f"{chapter}.{row}" for chapter, rows in ROWS.items() for row in range(1, rows + 1)]
    assert [requirement.id for requirement in REQUIREMENTS] == numbers


def test_the_rows_that_must_be_checked_are():
    checked = [requirement.id for requirement in REQUIREMENTS if requirement.check is not None]
    assert checked == CHECKED.split()


def test_every_row_has_a_test_and_every_test_a_row_that_exists():
    tests = write_requirements.find_tests(ROOT / "tests")
    assert tests.keys() == {requirement.id for requirement in REQUIREMENTS}


def test_the_page_is_what_the_code_says():
    page = (ROOT / "docs" / "requirements.md").read_text(encoding="utf-8")
    written = write_requirements.build_page(
        REQUIREMENTS, write_requirements.find_tests(ROOT / "tests")
    )
    assert page == written, "run `python -m tools.write_requirements docs/requirements.md`"


def test_tests_are_found_by_their_marks(tmp_path):
    folder = tmp_path / "tests"
    folder.mkdir()
    marked = '@pytest.mark.requirement("1.1", "2.2")\ndef test_a(): ...\n'
    (folder / "test_one.py").write_text(f"import pytest\n{marked}def test_b(): ...\n")
    found = write_requirements.find_tests(folder)
    assert found == {number: [("tests/test_one.py", "test_a")] for number in ("1.1", "2.2")}


def test_a_page_goes_where_it_is_asked_for_and_nowhere_else(tmp_path, capsys):
    assert write_requirements.main([str(tmp_path / "page.md")]) == 0
    assert (tmp_path / "page.md").read_text(encoding="utf-8").startswith("# Requirements")
    assert write_requirements.main([str(tmp_path / "gone" / "page.md")]) == 2
    assert "usage: python -m tools.write_requirements" in capsys.readouterr().err
