"""Pages of the documentation: their examples run, and print what they show."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import torch

__all__ = [
    "DOCS",
    "ROOT",
    "Block",
    "apply_change",
    "find_missing",
    "read_blocks",
    "run_commands",
    "run_python",
    "split_console",
]

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"`([\w./-]+)`[^`\n]*:\n\n$")
_NUMBER = re.compile(r"\d[\d,]*(\.\d+)?")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its language, its text, and the file that the line before it names."""

    language: str
    text: str
    file: str | None


def read_blocks(page):
    """Every fenced block of a page, in order."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        named = _FILE.search(text[: match.start()])
        found.append(Block(language=match[1], text=match[2], file=named and named[1]))
    return found


def run_python(page):
    """Run the Python code of a page, top to bottom; what it leaves behind."""
    names = {}
    code = "\n".join(block.text for block in read_blocks(page) if block.language == "python")
    with torch.random.fork_rng(devices=[]):
        exec(compile(code, page.name, "exec"), names)  # the page is what is tested
    return names


def run_commands(page, run_command):
    """Run the commands of a page in order; each must print what the page shows below it.

    Args:
        page: Path of the page, or one of its blocks.
        run_command: Takes the words of a command, returns what it prints.

    Returns:
        The commands that the page shows.
    """
    ran = []
    for block in [page] if isinstance(page, Block) else read_blocks(page):
        for command, shown in split_console(block.text) if block.language == "console" else []:
            printed = run_command(shlex.split(command))
            missing = find_missing(printed, shown)
            assert missing is None, f"{command}\nmust print {missing!r}, got\n{printed}"
            ran.append(command)
    return ran


def split_console(text):
    """Commands of a block, behind ``$``, with the lines of output shown below each."""
    found = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line.removeprefix("$ "), []))
        elif found and line.strip():
            found[-1][1].append(line)
    return found


def find_missing(printed, shown):
    """First line of what is shown that is not printed, in this order; ``None`` if all are.

    ``...`` stands for lines left out. Numbers differ in their last digits from one processor to
    the next, and what is padded moves with them: any number will do, and any space.
    """
    lines = iter([_mask(line) for line in printed.splitlines()])
    return next((line for line in shown if line != "..." and _mask(line) not in lines), None)


def _mask(line):
    return " ".join(_NUMBER.sub("0", line).split())


def apply_change(diff, file):
    """Carry out a change shown as a diff without line numbers.

    Args:
        diff: Lines that begin with a space, ``-`` or ``+``; hunks stand apart by a ``@@`` line.
        file: The file to change; every hunk must fit in exactly one place.
    """
    text = file.read_text(encoding="utf-8")
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] != "+")
        after = "".join(line[1:] for line in lines if line[0] != "-")
        assert not before or text.count(before) == 1, f"{file.name} must hold once:\n{before}"
        text = text.replace(before, after) if before else text
    file.write_text(text, encoding="utf-8")
