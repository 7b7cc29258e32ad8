from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "tamiyo"
UNIT_TESTS = ROOT / "tests" / "unit"

FILES = sorted(PACKAGE.rglob("*.py"))
FRONT_DOORS = [path for path in FILES if path.name == "__init__.py"]
# What a fresh interpreter must not load when it imports these modules.
LIGHT_IMPORTS = {
    "tamiyo": {"torch", "numpy"},
    "tamiyo.contracts": {"torch", "numpy"},
    "tamiyo.telemetry": {"torch", "numpy"},
    "tamiyo.ui": {"torch", "numpy"},
    "tamiyo.controller": {"torch", "numpy"},
}
GLOBAL_GENERATORS = {
    "random.seed",
    "np.random.seed",
    "numpy.random.seed",
    "torch.seed",
    "torch.manual_seed",
    "torch.random.manual_seed",
    "torch.cuda.manual_seed",
    "torch.cuda.manual_seed_all",
}
ENVIRONMENT = {"os.environ", "os.getenv", "os.putenv"}
ENVIRONMENT_READER = PACKAGE / "recipes" / "config.py"


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def per_file(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=name_of)


@cache
def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_of(path: Path) -> str:
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(path: Path) -> list[tuple[str, str | None]]:
    """Return (module, name) per import; the name is None for ``import module``."""
    found: list[tuple[str, str | None]] = []
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ImportFrom):
            found.extend((node.module or "", alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            found.extend((alias.name, None) for alias in node.names)
    return found


def public_names(path: Path) -> list[str] | None:
    """Return the ``__all__`` of a file, or None where it has none."""
    for node in parse(path).body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            return list(ast.literal_eval(node.value))
    return None


def top_level(path: Path) -> list[ast.stmt]:
    """Return the statements of a file, those under ``if TYPE_CHECKING`` too."""
    nested = (node.body if isinstance(node, ast.If) else [node] for node in parse(path).body)
    return [node for nodes in nested for node in nodes]


def bound_names(path: Path) -> set[str]:
    """Return the names that the top level of a file defines or imports."""
    names: set[str] = set()
    for node in top_level(path):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names.update(leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name))
    return names


def sort_key(name: str) -> tuple[int, str]:
    """Order names as ruff's RUF022 does: CONSTANTS, Classes, functions."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def uses_of(path: Path, banned: set[str]) -> list[str]:
    """Return the banned dotted names that a file mentions or imports, with their lines."""
    found = []
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Attribute) and ast.unparse(node) in banned:
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
        elif isinstance(node, ast.ImportFrom):
            dotted = [f"{node.module}.{alias.name}" for alias in node.names]
            found.extend(f"line {node.lineno}: {name}" for name in dotted if name in banned)
    return found


def is_room_file(path: Path) -> bool:
    return path.parent != PACKAGE


def is_module(dotted: str) -> bool:
    return (SOURCE / f"{dotted.replace('.', '/')}.py").exists()


def front_door_error(path: Path, module: str, name: str | None) -> str | None:
    """Say what is wrong with an import of our own, or return None if nothing is."""
    importer, parts = module_of(path), module.split(".")
    if len(parts) > 1 and parts[1] == importer.split(".")[1]:
        if name is not None and is_module(f"{module}.{name}"):
            return None
        if f"{importer}.".startswith(f"{module}.") and path.name != "__init__.py":
            return f"import from the file inside {module}, not from its front door"
        return None
    if len(parts) != 2:
        return f"import from tamiyo.{'.'.join(parts[1:2]) or '<room>'}, not from {module}"
    door = PACKAGE / parts[1] / "__init__.py"
    if name is not None and name not in (public_names(door) or []):
        return f"{name} is not in the __all__ of {module}"
    return None


@per_file([path for path in FILES if is_room_file(path)])
def test_rooms_meet_at_their_front_doors(path):
    own = [(module, name) for module, name in imports_of(path) if module.split(".")[0] == "tamiyo"]
    errors = [front_door_error(path, module, name) for module, name in own]
    assert [error for error in errors if error] == []


ROOM_DOORS = [path for path in FRONT_DOORS if is_room_file(path)]


@per_file(ROOM_DOORS)
def test_a_front_door_holds_imports_and_public_names_only(path):
    statements = parse(path).body
    if ast.get_docstring(parse(path)) is not None:
        statements = statements[1:]
    allowed = (ast.Import, ast.ImportFrom)
    others = [ast.unparse(node) for node in statements if not isinstance(node, allowed)]
    assert len(others) == 1
    assert others[0].startswith("__all__")


@per_file(ROOM_DOORS)
def test_a_front_door_names_everything_it_imports(path):
    assert set(public_names(path) or []) == bound_names(path) - {"__all__", "annotations"}


@per_file([path for path in FILES if public_names(path) is not None])
def test_public_names_are_sorted_and_exist(path):
    names = public_names(path)
    assert names == sorted(set(names), key=sort_key)
    assert set(names) <= bound_names(path)


def test_the_package_loads_its_public_names_on_first_use():
    package = importlib.import_module("tamiyo")
    assert all(callable(getattr(package, name)) for name in package.__all__)
    with pytest.raises(AttributeError, match="no attribute 'graft'"):
        package.graft  # noqa: B018  # the access is what is tested


@pytest.mark.parametrize("folder", sorted({path.parent for path in FILES}), ids=name_of)
def test_every_folder_of_source_has_a_front_door(folder):
    assert (folder / "__init__.py").exists()


@per_file(
    [
        path
        for path in FILES
        if is_room_file(path)
        and path.name not in {"__init__.py", "__main__.py"}
        and path.relative_to(PACKAGE).parts[0] != "cli"
    ]
)
def test_every_source_file_has_its_test_file(path):
    mirror = UNIT_TESTS / path.relative_to(PACKAGE).with_name(f"test_{path.name}")
    assert mirror.exists(), f"write {mirror.relative_to(ROOT)}"


@pytest.mark.skipif(not (PACKAGE / "cli").exists(), reason="no command line yet")
def test_the_command_line_is_covered_by_integration_tests():
    files = (ROOT / "tests" / "integration").rglob("test_*.py")
    assert any("tamiyo.cli" in path.read_text(encoding="utf-8") for path in files)


@pytest.mark.parametrize(
    "module",
    [name for name in LIGHT_IMPORTS if (SOURCE / name.replace(".", "/") / "__init__.py").exists()],
)
def test_a_light_module_loads_no_heavy_library(module):
    code = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert LIGHT_IMPORTS[module] & set(json.loads(run.stdout)) == set()


@per_file(FILES)
def test_nothing_seeds_a_global_generator(path):
    assert uses_of(path, GLOBAL_GENERATORS) == []


@per_file([path for path in FILES if path != ENVIRONMENT_READER])
def test_the_environment_is_read_in_one_place(path):
    assert uses_of(path, ENVIRONMENT) == []
