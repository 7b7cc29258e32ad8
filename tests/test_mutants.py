"""Mutants are made of source that is there, and change what it does."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytest.importorskip("cosmic_ray", reason="needs the extra 'mutation'")

from tools import mutants

ROOT = Path(__file__).parents[1]
CODE = """\
def double(number: int | None, *, offset: int = 1) -> int | None:
    return 2 * number + offset if number > 0 else None
"""


def test_areas_are_of_files_and_tests_that_exist():
    for area in mutants.AREAS.values():
        assert all((ROOT / "src" / "tamiyo" / file).exists() for file in area.files)
        assert all((ROOT / "tests" / "unit" / test).exists() for test in area.tests)


def test_every_mutant_is_code_that_differs_in_more_than_annotations():
    found = list(mutants.list_mutants("rewards", "x.py", CODE))
    assert len(found) > 20
    for mutant, changed in found:
        assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(CODE))
        assert "int | None, *, offset" in changed
        assert mutant.before in CODE
        assert mutant.after in changed
    assert any("number >= 0" in mutant.after for mutant, _ in found)
    assert any("offset: int = 2" in changed for _, changed in found)
