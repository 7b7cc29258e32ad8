"""The table of requirements: every check stands there once, and rows explain themselves."""

from __future__ import annotations

from tamiyo.checks import rules
from tamiyo.checks.requirements import REQUIREMENTS


def test_every_check_belongs_to_one_requirement():
    used = [requirement.check for requirement in REQUIREMENTS if requirement.check is not None]
    assert sorted(check.__name__ for check in used) == sorted(rules.__all__)


def test_a_check_says_which_requirement_it_looks_at():
    for requirement in REQUIREMENTS:
        if requirement.check is not None:
            assert f"({requirement.id})" in requirement.check.__doc__


def test_titles_are_their_own_and_statements_are_sentences():
    titles = [requirement.title for requirement in REQUIREMENTS]
    assert len(set(titles)) == len(titles)
    assert all(requirement.statement.endswith(".") for requirement in REQUIREMENTS)
