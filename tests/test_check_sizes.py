from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tools.check_sizes import check_files, load_files, main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Messages = Callable[[dict[str, str]], list[str]]


@pytest.fixture
def messages(tmp_path: Path) -> Messages:
    """Write files given by path and text, and return the violations they cause as lines."""

    def write_and_check(texts: dict[str, str]) -> list[str]:
        for name, text in texts.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return [str(violation) for violation in check_files(load_files(tmp_path))]

    return write_and_check


def function(num_lines: int) -> str:
    return "def long():\n    '''Say.\n\n    More.\n    '''\n" + "    x = 1\n" * num_lines


def record(num_fields: int) -> str:
    fields = "".join(f"    field_{i}: int\n" for i in range(num_fields))
    return f"@dataclass(frozen=True)\nclass Row:\n    kind: ClassVar[str] = 'row'\n{fields}"


def methods(count: int) -> str:
    return "class Box:\n" + "".join(
        f"    def m{i}(self): ...\n    def _p{i}(self): ...\n" for i in range(count)
    )


def own_imports(count: int) -> str:
    return "import torch\n" + "".join(f"from tamiyo.m{i} import a, b\n" for i in range(count))


@pytest.mark.parametrize(
    ("path", "make", "limit", "message"),
    [
        ("src/tamiyo/a.py", lambda n: "x = 1\n" * n, 400, "file has 401 lines, at most 400"),
        ("tests/a.py", lambda n: "x = 1\n" * n, 500, "file has 501 lines, at most 500"),
        ("src/tamiyo/a.py", function, 50, "body of long() has 51 lines, at most 50"),
        (
            "src/tamiyo/a.py",
            lambda n: "class Box:\n" + "    x = 1\n" * (n - 1),
            300,
            "class Box has 301 lines, at most 300",
        ),
        ("src/tamiyo/a.py", methods, 12, "class Box has 13 public methods, at most 12"),
        ("src/tamiyo/a.py", record, 20, "class Row has 21 fields, at most 20"),
        ("src/tamiyo/a.py", own_imports, 10, "imports 11 modules of tamiyo, at most 10"),
    ],
)
def test_the_limit_itself_passes_and_one_more_is_named(messages, path, make, limit, message):
    assert messages({path: make(limit)}) == []
    (line,) = messages({path: make(limit + 1)})
    assert line.startswith(f"{path}:")
    assert line.endswith(message)


def test_a_room_holds_at_most_twelve_files_and_subfolders_count_apart(messages):
    room = {f"src/tamiyo/model/f{i}.py": "" for i in range(11)}
    room["src/tamiyo/model/__init__.py"] = ""
    inner = {"src/tamiyo/model/inner/__init__.py": "", "src/tamiyo/model/inner/a.py": ""}
    assert messages(room | inner) == []
    (line,) = messages({"src/tamiyo/model/one_more.py": ""})
    assert line == "src/tamiyo/model/__init__.py:1: room has 13 files, at most 12"


def test_a_front_door_assigns_only_its_public_names(messages):
    door = "from tamiyo.model.host import Host\n\n__all__ = ['Host']\n"
    assert messages({"src/tamiyo/model/__init__.py": door}) == []
    (line,) = messages({"src/tamiyo/model/__init__.py": door + "VERSION: int = 1\n"})
    assert line.endswith(":4: assigns VERSION; a front door assigns only __all__")


def test_the_package_holds_at_most_35000_lines_of_code(messages):
    rooms = {f"src/tamiyo/r{i // 10}/m{i}.py": "x = 1\n" * 350 for i in range(100)}
    assert messages(rooms) == []
    assert (
        messages({"src/tamiyo/prose.py": '"""Two lines\nof words."""\n\n# and a comment\n'}) == []
    )
    (line,) = messages({"src/tamiyo/last.py": "x = 1\n"})
    assert line == "src/tamiyo:1: package has 35001 lines of code, at most 35000"


@pytest.mark.parametrize(
    ("comment", "num_violations"),
    [
        ("# noqa: S101", 1),
        ("# noqa: S101  # seeded on purpose", 0),
        ("# ruff: ignore[S101]", 1),
        ("# type: ignore[no-any-return]", 1),
        ("# type: ignore[no-any-return]  # torch returns Any here", 0),
        ("# an ordinary comment", 0),
    ],
)
def test_a_suppression_gives_its_reason(messages, comment, num_violations):
    lines = messages({"src/tamiyo/a.py": f"x = 1  {comment}\ny = '# noqa: S101'\n"})
    assert lines == ["src/tamiyo/a.py:1: suppression without a reason after it"] * num_violations


def test_suppressions_are_at_most_one_per_thousand_lines(messages):
    silenced = "x = 1  # noqa: S101  # stated elsewhere\n"
    assert messages({"src/tamiyo/a.py": silenced}) == []
    (line,) = messages({"src/tamiyo/a.py": silenced * 2})
    assert line.startswith(".:1: 2 linter suppressions, at most 1")


def test_the_exit_status_tells_whether_every_limit_holds(tmp_path, capsys):
    (tmp_path / "src").mkdir()
    assert main([str(tmp_path)]) == 0
    (tmp_path / "src" / "a.py").write_text("x = 1\n" * 401, encoding="utf-8")
    assert main([str(tmp_path)]) == 1
    assert "0 suppressions (at most 1), 1 violations" in capsys.readouterr().out
