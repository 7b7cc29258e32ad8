"""Check the size limits that ruff cannot count; print one line per violation and exit 1 if any.

Usage: ``python tools/check_sizes.py [ROOT]``. The limits are those of CONTRIBUTING.md.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PACKAGE = "tamiyo"
_PACKAGE_DOOR = "src/tamiyo/__init__.py"  # loads names on first use, so it holds their table
FOLDERS = ("src", "tests", "tools", "examples", "benchmarks", "experiments")
MAX_FILE_LINES = 400
MAX_TEST_FILE_LINES = 500
MAX_FUNCTION_LINES = 50
MAX_CLASS_LINES = 300
MAX_PUBLIC_METHODS = 12
MAX_RECORD_FIELDS = 20
MAX_OWN_IMPORTS = 10
MAX_ROOM_FILES = 12
MAX_PACKAGE_CODE_LINES = 35_000
LINES_PER_SUPPRESSION = 1_000

_SUPPRESSION = re.compile(
    r"#\s*(?:(?:ruff:\s*)?noqa(?::\s*[A-Z]+\d+(?:[,\s]+[A-Z]+\d+)*)?"
    r"|ruff:\s*(?:ignore|disable|file-ignore)(?:\[[^\]]*\])?"
    r"|type:\s*ignore(?:\[[^\]]*\])?|mypy:\s*[\w-]+)"
)
_NO_CODE = frozenset(
    {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    }
)
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, kw_only=True, order=True)
class Violation:
    """One limit exceeded in one place; ``path`` is relative to the root, ``line`` from 1."""

    path: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.message}"


@dataclass(frozen=True, kw_only=True)
class SourceFile:
    """A parsed Python file; ``path`` is relative to the root, in POSIX form."""

    path: str
    text: str
    tree: ast.Module

    @property
    def num_lines(self) -> int:
        """Number of lines in the file, blank ones and comments included."""
        return len(self.text.splitlines())

    @property
    def num_code_lines(self) -> int:
        """Number of lines with code on them: no blank ones, comments or docstrings."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        lines = {
            line
            for token in tokens
            if token.type not in _NO_CODE
            for line in range(token.start[0], token.end[0] + 1)
        }
        for node in ast.walk(self.tree):
            match node:
                case ast.Expr(value=ast.Constant(value=str())):
                    lines.difference_update(range(node.lineno, (node.end_lineno or 0) + 1))
        return len(lines)

    @property
    def is_front_door(self) -> bool:
        """Whether the file is the ``__init__.py`` of a room."""
        return self.path.endswith("/__init__.py")

    def violation(self, line: int, message: str) -> Violation:
        """Return a violation at a line of this file."""
        return Violation(path=self.path, line=line, message=message)


@dataclass(frozen=True, kw_only=True)
class Suppression:
    """A comment that silences a linter; ``line`` counts from 1."""

    line: int
    has_reason: bool


def load_files(root: Path) -> list[SourceFile]:
    """Parse every Python file under the checked folders of ``root``, sorted by path.

    Returns:
        One entry per file; folders that do not exist hold none.
    """
    paths = sorted(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))
    files = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        name = path.relative_to(root).as_posix()
        files.append(SourceFile(path=name, text=text, tree=ast.parse(text, filename=name)))
    return files


def check_file_lines(file: SourceFile) -> Iterator[Violation]:
    """Yield a violation when the file is too long."""
    limit = MAX_TEST_FILE_LINES if file.path.startswith("tests/") else MAX_FILE_LINES
    if file.num_lines > limit:
        yield file.violation(1, f"file has {file.num_lines} lines, at most {limit}")


def check_functions(file: SourceFile) -> Iterator[Violation]:
    """Yield a violation for every function whose body without docstring is too long."""
    for node in ast.walk(file.tree):
        if isinstance(node, _FUNCTION) and (size := count_body_lines(node)) > MAX_FUNCTION_LINES:
            message = f"body of {node.name}() has {size} lines, at most {MAX_FUNCTION_LINES}"
            yield file.violation(node.lineno, message)


def count_body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines from a function's first statement after its docstring to its last."""
    body = function.body
    if ast.get_docstring(function, clean=False) is not None:
        body = body[1:]
    return _last_line(body[-1]) - body[0].lineno + 1 if body else 0


def check_classes(file: SourceFile) -> Iterator[Violation]:
    """Yield a violation for every class with too many lines, public methods or fields."""
    for node in ast.walk(file.tree):
        if not isinstance(node, ast.ClassDef):
            continue
        counts = (
            (_last_line(node) - node.lineno + 1, "lines", MAX_CLASS_LINES),
            (_count_public_methods(node), "public methods", MAX_PUBLIC_METHODS),
            (_count_record_fields(node), "fields", MAX_RECORD_FIELDS),
        )
        for count, noun, limit in counts:
            if count > limit:
                message = f"class {node.name} has {count} {noun}, at most {limit}"
                yield file.violation(node.lineno, message)


def check_own_imports(file: SourceFile) -> Iterator[Violation]:
    """Yield a violation when a source file other than a front door imports too many own modules."""
    if not file.path.startswith("src/") or file.is_front_door:
        return
    count = len(_own_imports(file.tree))
    if count > MAX_OWN_IMPORTS:
        message = f"imports {count} modules of {PACKAGE}, at most {MAX_OWN_IMPORTS}"
        yield file.violation(1, message)


def check_front_door(file: SourceFile) -> Iterator[Violation]:
    """Yield a violation for every assignment but ``__all__`` in an ``__init__.py`` under src."""
    if not file.path.startswith("src/") or not file.is_front_door or file.path == _PACKAGE_DOOR:
        return
    for node in ast.walk(file.tree):
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = [ast.unparse(target) for target in targets]
            if names != ["__all__"]:
                message = f"assigns {', '.join(names)}; a front door assigns only __all__"
                yield file.violation(node.lineno, message)


def check_suppressions(file: SourceFile) -> Iterator[Violation]:
    """Yield a violation for every linter suppression that gives no reason."""
    for suppression in find_suppressions(file):
        if not suppression.has_reason:
            yield file.violation(suppression.line, "suppression without a reason after it")


def check_rooms(files: Sequence[SourceFile]) -> Iterator[Violation]:
    """Yield a violation for every room with too many files, front door included."""
    for door in files:
        if door.is_front_door and door.path.startswith("src/"):
            room = door.path.rsplit("/", maxsplit=1)[0]
            count = sum(file.path.rsplit("/", maxsplit=1)[0] == room for file in files)
            if count > MAX_ROOM_FILES:
                yield door.violation(1, f"room has {count} files, at most {MAX_ROOM_FILES}")


def check_totals(files: Sequence[SourceFile]) -> Iterator[Violation]:
    """Yield a violation when the package or the number of suppressions is too large."""
    package = f"src/{PACKAGE}"
    num_lines = sum(file.num_code_lines for file in files if file.path.startswith(package))
    if num_lines > MAX_PACKAGE_CODE_LINES:
        message = f"package has {num_lines} lines of code, at most {MAX_PACKAGE_CODE_LINES}"
        yield Violation(path=package, line=1, message=message)
    count, allowed = count_suppressions(files), allowed_suppressions(files)
    if count > allowed:
        message = f"{count} linter suppressions, at most {allowed} (1 per 1,000 lines)"
        yield Violation(path=".", line=1, message=message)


_FILE_CHECKS = (
    check_file_lines,
    check_functions,
    check_classes,
    check_own_imports,
    check_front_door,
    check_suppressions,
)
_TREE_CHECKS = (check_rooms, check_totals)


def check_files(files: Sequence[SourceFile]) -> list[Violation]:
    """Return every violation in the files, sorted by place."""
    found = [violation for file in files for check in _FILE_CHECKS for violation in check(file)]
    found.extend(violation for check in _TREE_CHECKS for violation in check(files))
    return sorted(found)


def find_suppressions(file: SourceFile) -> list[Suppression]:
    """Find the comments that silence a linter; text inside strings does not count.

    Returns:
        One entry per suppression, two for a comment that silences two linters.
    """
    found = []
    for token in tokenize.generate_tokens(io.StringIO(file.text).readline):
        if token.type == tokenize.COMMENT:
            rest, count = _SUPPRESSION.subn("", token.string)
            reason = re.search(r"[A-Za-z]{2}", rest) is not None
            found.extend([Suppression(line=token.start[0], has_reason=reason)] * count)
    return found


def count_suppressions(files: Sequence[SourceFile]) -> int:
    """Count the linter suppressions in all files."""
    return sum(len(find_suppressions(file)) for file in files)


def allowed_suppressions(files: Sequence[SourceFile]) -> int:
    """Return how many suppressions the files may hold: one per 1,000 lines, and at least one."""
    return max(1, sum(file.num_lines for file in files) // LINES_PER_SUPPRESSION)


def main(arguments: Sequence[str]) -> int:
    """Check the tree at the first argument, or this repository; return the exit status."""
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    files = load_files(root)
    violations = check_files(files)
    for violation in violations:
        print(violation)
    num_lines = sum(file.num_lines for file in files)
    print(
        f"sizes: {len(files)} files, {num_lines} lines, {count_suppressions(files)} suppressions"
        f" (at most {allowed_suppressions(files)}), {len(violations)} violations"
    )
    return 1 if violations else 0


def _last_line(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def _count_public_methods(node: ast.ClassDef) -> int:
    names = {item.name for item in node.body if isinstance(item, _FUNCTION)}
    return sum(not name.startswith("_") for name in names)


def _count_record_fields(node: ast.ClassDef) -> int:
    markers = [ast.unparse(item) for item in (*node.decorator_list, *node.bases)]
    if not any(re.search(r"\b(dataclass|NamedTuple)\b", marker) for marker in markers):
        return 0
    fields = [item for item in node.body if isinstance(item, ast.AnnAssign)]
    return sum("ClassVar" not in ast.unparse(item.annotation) for item in fields)


def _own_imports(tree: ast.Module) -> set[str]:
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
        elif isinstance(node, ast.Import):
            modules.update(alias.name for alias in node.names)
    return {name for name in modules if name.split(".")[0] == PACKAGE}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
