"""Audit the dependencies without a network; print one line per finding and exit 1 if any.

Usage: ``python -m tools.audit``. What ``pyproject.toml`` asks for, what ``requirements.lock`` pins
and what is installed must agree; every pinned package must be there for a reason and be licensed on
terms that the project can be passed on under. Imports are deptry's part, see ``make audit``.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Project", "find_faults", "main", "read_project"]

_LOCKED_EXTRAS: Final = ("plot", "dev")
_BUILDING: Final = frozenset({"setuptools", "wheel"})
_AROUND: Final = frozenset({"pip", "tamiyo"})
_PIN: Final = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!]+)")
_PERMISSIVE: Final = re.compile(
    r"0BSD|Apache|BSD|BSL-1\.0|CC0-1\.0|HPND|LLVM-exception|MIT|PSF|Python Software Foundation|Zlib"
)
_BETWEEN_NAMES: Final = re.compile(r"\s+(?:AND|OR|WITH)\s+|[()]")
_TOOLS_ONLY: Final[Mapping[str, str]] = MappingProxyType(
    {
        "codespell": "GPL-2.0-only",  # a program that is run over the text, never imported
        "hypothesis": "MPL-2.0",  # imported by tests, never passed on
        "pathspec": "Mozilla Public License 2.0 (MPL 2.0)",  # a part of mypy
    }
)
"""Licenses of tools that are no part of what users get; anything else must be permissive."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """What is asked for, pinned and installed; names are canonical.

    Attributes:
        declared: Requirements of the package and of the extras that are locked.
        lock: Lines of the lock without comments.
        installed: Distributions by name.
    """

    declared: tuple[Requirement, ...]
    lock: tuple[str, ...]
    installed: Mapping[str, Distribution]


def read_project(root: Path) -> Project:
    """Read a project and what is installed beside this program.

    Args:
        root: Folder of ``pyproject.toml`` and ``requirements.lock``.
    """
    table: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = [line for name in _LOCKED_EXTRAS for line in table["optional-dependencies"][name]]
    lines = (root / "requirements.lock").read_text().splitlines()
    return Project(
        declared=tuple(map(Requirement, [*table["dependencies"], *extras])),
        lock=tuple(line for line in lines if line and not line.startswith("#")),
        installed={canonicalize_name(one.name): one for one in distributions()},
    )


def find_faults(project: Project) -> Iterator[str]:
    """Yield one line per fault of a project's dependencies.

    Args:
        project: What is asked for, pinned and installed.
    """
    pins: dict[str, str] = {}
    for line in project.lock:
        match = _PIN.fullmatch(line)
        if match is None or canonicalize_name(match[1]) in pins:
            yield f"requirements.lock must pin each package once, as name==version, got {line!r}"
        else:
            pins[canonicalize_name(match[1])] = match[2]
    yield from _compare_ranges(project, pins)
    yield from _compare_installed(project, pins)
    yield from _check_licenses(project, pins)


def _compare_ranges(project: Project, pins: Mapping[str, str]) -> Iterator[str]:
    for requirement in project.declared:
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None or not requirement.specifier.contains(pin, prereleases=True):
            yield f"requirements.lock must satisfy {requirement} of pyproject.toml, got {pin}"
    for name in sorted(pins.keys() - _find_needed(project) - _BUILDING):
        yield f"requirements.lock must hold what something needs, got {name}: make it anew"


def _find_needed(project: Project) -> set[str]:
    """Return the names of what is declared, and of all that needs in turn here."""
    needed: set[str] = set()
    waiting = list(project.declared)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in needed or name not in project.installed:
            continue
        needed.add(name)
        further = map(Requirement, project.installed[name].requires or [])
        waiting += [one for one in further if _is_wanted(one, requirement.extras)]
    return needed


def _is_wanted(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras | {""})


def _compare_installed(project: Project, pins: Mapping[str, str]) -> Iterator[str]:
    for name, pin in pins.items():
        found = project.installed.get(name)
        # A local suffix, as in 2.13.0+cpu, names a build of the same release.
        if found is None or Version(found.version).public != Version(pin).public:
            got = None if found is None else found.version
            yield f"{name} must be installed at {pin} as locked, got {got}: run make setup"
    for name in sorted(project.installed.keys() - pins.keys() - _AROUND):
        yield f"installed packages must be in requirements.lock, got {name}"


def _check_licenses(project: Project, pins: Mapping[str, str]) -> Iterator[str]:
    for name in sorted(pins.keys() & project.installed.keys()):
        licenses = _list_licenses(project.installed[name])
        allowed = [_PERMISSIVE.search(one) or _TOOLS_ONLY.get(name) == one for one in licenses]
        if not licenses or not all(allowed):
            got = ", ".join(licenses) or "none"
            yield f"license of {name} must be on the list of tools/audit.py, got {got}"


def _list_licenses(distribution: Distribution) -> list[str]:
    """Return the names of licenses: of the expression, the classifiers, or the first line."""
    metadata = distribution.metadata
    expression = metadata.get("License-Expression")
    if expression:
        return [name.strip() for name in _BETWEEN_NAMES.split(expression) if name.strip()]
    classifiers = [line for line in metadata.get_all("Classifier") or [] if "License ::" in line]
    if classifiers:
        return [line.rpartition("::")[2].strip() for line in classifiers]
    return (metadata.get("License") or "").splitlines()[:1]


def main() -> int:
    """Audit this project; return the exit code."""
    project = read_project(Path(__file__).resolve().parent.parent)
    faults = list(find_faults(project))
    for fault in faults:
        print(fault)
    print(f"audit: {len(project.lock)} packages locked, {len(faults)} faults")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
