from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from tools import write_reference
from tools.public_names import list_public_names, list_rooms

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


@pytest.mark.parametrize("page", write_reference.PAGES)
def test_the_page_is_up_to_date(page):
    written = (REFERENCE / page).read_text(encoding="utf-8")
    assert written == write_reference.PAGES[page](), (
        "run `python -m tools.write_reference docs/reference`"
    )


def test_every_command_has_its_help_on_the_page():
    page = (REFERENCE / "commands.md").read_text(encoding="utf-8")
    for command in write_reference.list_commands():
        assert f"\nusage: tamiyo {command} " in page


@pytest.mark.parametrize("room", list_rooms())
def test_public_names_read_from_source_are_those_at_run_time(room):
    module = import_module(room)
    found = {item.name: item for item in list_public_names(room)}
    assert list(found) == module.__all__
    for name, item in found.items():
        value = getattr(module, name)
        if item.kind == "class":
            assert isinstance(value, type)
        if item.kind == "function":
            assert callable(value)
            assert not isinstance(value, type)


def test_names_are_followed_to_where_they_are_defined():
    found = {item.name: item for item in list_public_names("tamiyo")}
    assert found["load"].kind == "function"  # imported under another name
    assert found["grow"].summary == "Train a model and grow it while it trains."
    constants = {item.name: item for item in list_public_names("tamiyo.contracts")}
    assert constants["NEXT_GATES"].kind == "constant"
    assert constants["NEXT_GATES"].summary.startswith("The same with HOLDING")


def test_a_name_that_is_nowhere_is_refused(monkeypatch, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "__init__.py").write_text('__all__ = ["gone"]\n')
    monkeypatch.setattr("tools.public_names.SOURCE", tmp_path)
    with pytest.raises(LookupError, match=r"empty\.gone must be defined or imported"):
        list_public_names("empty")


def test_a_command_that_fails_is_no_page(capsys):
    with pytest.raises(RuntimeError, match="must succeed, got exit code 2"):
        write_reference.print_command("describe", "everything")
    assert "topic must be one of" in capsys.readouterr().err


def test_without_a_folder_it_says_how_it_is_called(capsys, tmp_path):
    assert write_reference.main([str(tmp_path / "gone")]) == 2
    assert "usage: python -m tools.write_reference FOLDER" in capsys.readouterr().err
