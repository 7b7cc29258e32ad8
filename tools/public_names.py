"""Read the public names of every room and what their docstrings say, without importing anything."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

__all__ = ["PublicName", "describe_room", "list_public_names", "list_rooms"]

SOURCE: Final = Path(__file__).resolve().parent.parent / "src"

_DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(frozen=True, kw_only=True)
class PublicName:
    """One name of a front door.

    Attributes:
        name: How it is imported.
        kind: class, function or constant.
        summary: First paragraph of its docstring, in one line; empty if it has none.
    """

    name: str
    kind: str
    summary: str


def list_rooms() -> list[str]:
    """Packages with a front door for everybody: ``tamiyo`` and the rooms right below it."""
    return [
        "tamiyo",
        *sorted(f"tamiyo.{p.parent.name}" for p in SOURCE.glob("tamiyo/*/__init__.py")),
    ]


def describe_room(room: str) -> str:
    """First line of a room's docstring."""
    return _summarize(ast.get_docstring(_parse(_find_file(room))))


def list_public_names(room: str) -> list[PublicName]:
    """Describe every name in a front door's ``__all__``, in its order.

    Args:
        room: Dotted name of a package, for example ``tamiyo.model``.

    Raises:
        LookupError: If a name is defined nowhere.
    """
    (exported,) = (
        ast.literal_eval(node.value)
        for node in _parse(_find_file(room)).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    return [_describe(room, name, shown=name) for name in exported]


def _describe(module: str, name: str, *, shown: str) -> PublicName:
    tree = _parse(_find_file(module))
    for node, following in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, _DEFINITIONS) and node.name == name:
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            return PublicName(name=shown, kind=kind, summary=_summarize(ast.get_docstring(node)))
        if name in _assigned(node):
            return PublicName(name=shown, kind="constant", summary=_summarize(_text(following)))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    for source, alias in ((node, alias) for node in imports for alias in node.names):
        if name == (alias.asname or alias.name):
            return _describe(_source_of(source, module), alias.name, shown=shown)
    message = f"{module}.{name} must be defined or imported, got neither"
    raise LookupError(message)


def _assigned(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.AnnAssign):
        return [ast.unparse(node.target)]
    return [ast.unparse(target) for target in node.targets] if isinstance(node, ast.Assign) else []


def _text(node: ast.stmt | None) -> str | None:
    """The string that stands by itself behind an assignment, as documentation of it."""
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return text
    return None


def _source_of(node: ast.ImportFrom, module: str) -> str:
    """Module that an import reads from, relative ones resolved."""
    if not node.level:
        return node.module or ""
    package = module.split(".")
    up = node.level - _find_file(module).name.count("__init__")
    base = package[: len(package) - up]
    return ".".join([*base, *([node.module] if node.module else [])])


def _find_file(module: str) -> Path:
    base = SOURCE / Path(*module.split("."))
    return base / "__init__.py" if base.is_dir() else base.with_suffix(".py")


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _summarize(docstring: str | None) -> str:
    return " ".join((docstring or "").strip().partition("\n\n")[0].split())
