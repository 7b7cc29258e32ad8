"""The documentation hangs together: no link is dead, and the map leads to every page."""

from __future__ import annotations

import re
import tomllib
from functools import cache

import pytest

from tests.support.pages import DOCS, ROOT

PAGES = sorted([*DOCS.rglob("*.md"), *ROOT.glob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")


@cache
def read(page):
    """Text of a page without its code, in which brackets mean other things."""
    text = page.read_text(encoding="utf-8")
    return re.sub(r"```.*?```|`[^`\n]*`(?!\]\()", "", text, flags=re.DOTALL)


def targets(page):
    """Links and images of a page that lead to a file here, with the part behind #."""
    found = [*LINK.findall(read(page)), *(target for _, target in IMAGE.findall(read(page)))]
    for target in found:
        if not re.match(r"[a-z]+:", target):
            path, _, anchor = target.partition("#")
            yield (page.parent / path).resolve() if path else page, anchor


def anchors(page):
    """What GitHub calls the headings of a page."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        yield re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_link_or_image_is_dead(page):
    for file, anchor in targets(page):
        assert file.exists(), f"{page.name} leads to {file}"
        assert file.is_relative_to(ROOT), f"{page.name} leads out of the repository"
        if anchor and file.suffix == ".md":
            assert anchor in anchors(file), f"{page.name} leads to #{anchor} of {file.name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_image_says_what_it_shows(page):
    assert [target for text, target in IMAGE.findall(read(page)) if len(text) < 10] == []


def test_the_map_leads_to_every_page_within_two_steps():
    near = {file for file, _ in targets(DOCS / "README.md")}
    for folder in [file for file in near if file.is_dir()]:
        near |= set(folder.glob("*.md"))
    assert near.issuperset(page for page in DOCS.rglob("*.md") if page.name != "README.md")


def test_the_map_says_which_pages_there_are_by_their_own_words():
    listed = re.findall(r"\[([^\]]*)\]\((\S+\.md)\)", (DOCS / "README.md").read_text("utf-8"))
    assert len({target for _, target in listed}) == len(listed)


def test_the_readme_leads_to_the_map():
    assert DOCS / "README.md" in {file for file, _ in targets(ROOT / "README.md")}


def test_the_rows_of_rooms_in_contributing_are_those_that_imports_are_checked_by():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    diagram = text.partition("never sideways:\n\n")[2].partition("\n\n")[0]
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = next(
        contract["layers"]
        for contract in settings["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and contract["containers"] == ["tamiyo"]
    )
    assert [line.split(" | ") for line in map(str.strip, diagram.splitlines())] == [
        layer.split(" | ") for layer in layers
    ]
