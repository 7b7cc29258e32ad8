"""Change small parts of the source at random and count the changes that no test notices.

Usage: ``python -m tools.mutants [--sample N] [--seed N] [--jobs N] [--area NAME] [--out PATH]``
or, after tests were added, ``python -m tools.mutants --again PATH``, which tries the survivors
of an earlier result once more.

Mutation testing with the operators of Cosmic Ray: a comparison is turned round, a number is off by
one, a branch is never taken. A mutant is killed if the tests of its area fail. The sample is drawn
from all mutants of the areas by a seed, so that a score can be made again.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cosmic_ray import plugins
from cosmic_ray.mutating import mutate_code

from tools.faults import run_on_source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["AREAS", "Mutant", "list_mutants", "main"]

_ROOT: Final = Path(__file__).parents[1]
_PACKAGE: Final = _ROOT / "src" / "tamiyo"
_LONGEST_SECONDS: Final = 120


@dataclass(frozen=True, kw_only=True)
class Area:
    """A part of the package, and the tests that are to notice what changes in it."""

    files: tuple[str, ...]
    tests: tuple[str, ...]


AREAS: Final[Mapping[str, Area]] = {
    "rewards": Area(
        files=("rewards/credit.py", "rewards/hindsight.py", "rewards/meter.py", "rewards/parts.py"),
        tests=("rewards",),
    ),
    "masks": Area(
        files=(
            "contracts/legality.py",
            "observation/choices.py",
            "observation/legality_tables.py",
            "observation/masks.py",
        ),
        tests=(
            "contracts/test_legality.py",
            "observation/test_choices.py",
            "observation/test_legality_tables.py",
            "observation/test_masks.py",
        ),
    ),
    "advantages": Area(
        files=("learning/gae.py", "learning/head_advantages.py", "learning/normalizers.py"),
        tests=(
            "learning/test_gae.py",
            "learning/test_head_advantages.py",
            "learning/test_normalizers.py",
        ),
    ),
    "lifecycle": Area(
        files=(
            "contracts/lifecycle.py",
            "model/alpha.py",
            "model/commands.py",
            "model/gates.py",
            "model/seed.py",
            "model/slot.py",
        ),
        tests=(
            "contracts/test_lifecycle.py",
            "model/test_alpha.py",
            "model/test_commands.py",
            "model/test_gates.py",
            "model/test_host.py",
            "model/test_seed.py",
            "model/test_slot.py",
        ),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One change of the source.

    Attributes:
        area: Where its tests are.
        file: The file, within the package.
        operator: What was done.
        occurrence: To which of the places where it can be done.
        line: Line of the change, from 1.
        before: That line as it was.
        after: And as it is now.
    """

    area: str
    file: str
    operator: str
    occurrence: int
    line: int
    before: str
    after: str


def list_mutants(area: str, file: str, code: str) -> Iterator[tuple[Mutant, str]]:
    """Yield every mutant of a file with its whole source.

    What only changes an annotation is left out: nothing reads those when the code runs.

    Args:
        area: The area the file belongs to.
        file: The file, within the package.
        code: Its source.
    """
    plain = _strip(code)
    for name in plugins.operator_names():
        operator = plugins.get_operator(name)
        if any(operator.arguments()):
            continue
        occurrence = 0
        while (changed := mutate_code(code, operator(), occurrence)) is not None:
            if _strip(changed) not in {plain, None}:
                line, before, after = _find_change(code, changed)
                yield (
                    Mutant(
                        area=area,
                        file=file,
                        operator=name.removeprefix("core/"),
                        occurrence=occurrence,
                        line=line,
                        before=before,
                        after=after,
                    ),
                    changed,
                )
            occurrence += 1


def main(arguments: Sequence[str]) -> int:
    """Try the mutants and return the exit code: 0, whatever survives."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.mutants",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sample", type=int, default=300, help="mutants (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="how many at a time")
    parser.add_argument("--area", choices=AREAS, help="of this area alone")
    parser.add_argument("--out", type=Path, help="file for every mutant, as JSON")
    parser.add_argument("--again", type=Path, help="try the survivors in such a file again")
    options = parser.parse_args(arguments)
    found = [
        pair
        for name, area in AREAS.items()
        if options.area in {None, name}
        for file in area.files
        for pair in list_mutants(name, file, (_PACKAGE / file).read_text(encoding="utf-8"))
    ]
    sample = random.Random(options.seed).sample(found, min(options.sample, len(found)))
    known = _read_killed(options.again) if options.again else set()
    print(f"{len(sample)} of {len(found)} mutants, seed {options.seed}", file=sys.stderr)
    with ThreadPoolExecutor(options.jobs) as pool:
        killed = list(pool.map(lambda pair: pair[0] in known or _try(pair), sample))
    results = [(mutant, was_killed) for (mutant, _), was_killed in zip(sample, killed, strict=True)]
    _print(results)
    if options.out or options.again:
        content = {
            "seed": options.seed,
            "of": len(found),
            "mutants": [{**asdict(mutant), "killed": caught} for mutant, caught in results],
        }
        out = options.out or options.again
        out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0


def _read_killed(path: Path) -> set[Mutant]:
    """Return the mutants that an earlier result says were noticed."""
    mutants = json.loads(path.read_text(encoding="utf-8"))["mutants"]
    return {
        Mutant(**{name: value for name, value in mutant.items() if name != "killed"})
        for mutant in mutants
        if mutant["killed"]
    }


def _try(pair: tuple[Mutant, str]) -> bool:
    """Say whether tests notice a mutant: those of its file, or else those of its area.

    One that hangs is noticed, too.
    """
    mutant, changed = pair
    unit = _ROOT / "tests" / "unit"
    file = Path(mutant.file)
    own = [str(unit / file.parent / f"test_{file.name}")]
    others = [str(unit / name) for name in AREAS[mutant.area].tests]
    with tempfile.TemporaryDirectory() as place:
        package = Path(place) / "tamiyo"
        shutil.copytree(_PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / mutant.file).write_text(changed, encoding="utf-8")
        killed = any(_fails(Path(place), tests) for tests in (own, others))
    print("." if killed else "S", end="", file=sys.stderr, flush=True)
    return killed


def _fails(source: Path, tests: Sequence[str]) -> bool:
    words = ["-q", "-x", "--no-header", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    try:
        done = run_on_source(source, "pytest", *words, seconds=_LONGEST_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def _print(results: Sequence[tuple[Mutant, bool]]) -> None:
    """Print the score by area, and what survived."""
    total, killed = Counter[str](), Counter[str]()
    for mutant, was_killed in results:
        total[mutant.area] += 1
        killed[mutant.area] += was_killed
    print("\n\n| area | mutants | killed | score |\n|---|---|---|---|")
    for area, count in total.items():
        print(f"| {area} | {count} | {killed[area]} | {killed[area] / count:.1%} |")
    everything = total.total()
    print(f"| all | {everything} | {killed.total()} | {killed.total() / everything:.1%} |\n")
    for mutant, was_killed in results:
        if not was_killed:
            print(f"{mutant.file}:{mutant.line}  {mutant.operator}")
            print(f"    {mutant.before}\n    {mutant.after}")


def _strip(code: str) -> str | None:
    """Return the code without annotations and layout; ``None`` if it is no code."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            if hasattr(node, name):
                setattr(node, name, None)
        if isinstance(node, ast.arguments):  # * and / among them only say how they are passed
            node.args = [*node.posonlyargs, *node.args, *node.kwonlyargs]
            node.posonlyargs, node.kwonlyargs = [], []
            node.defaults = [*node.defaults, *filter(None, node.kw_defaults)]
            node.kw_defaults = []
    return ast.dump(tree)


def _find_change(before: str, after: str) -> tuple[int, str, str]:
    """Return number and text of the first line that differs."""
    pairs = zip(before.splitlines(), after.splitlines(), strict=False)
    for number, (old, new) in enumerate(pairs, start=1):
        if old != new:
            return number, old.strip(), new.strip()
    return 0, "", ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
