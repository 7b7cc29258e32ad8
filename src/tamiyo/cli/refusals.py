"""Tyro's refusals in one line: it draws a box of several lines, and can only be asked to print."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["explain_refusal"]

_ANSI: Final = re.compile(r"\x1b\[[0-9;]*m")
_EDGES: Final = "│|╭╮╰╯+"
_RULES: Final = frozenset("─- ")


def explain_refusal(box: str, command: str) -> str:
    """Say what must hold and what was got.

    Args:
        box: What tyro printed: a box with a title, the error, and help in further sections.
        command: Name of the command.

    Returns:
        One line.
    """
    error, *helps = _split_sections(box)
    text = " ".join(" ".join(error).split())
    help_line = f"`tamiyo {command} --help`"
    if match := re.fullmatch(r"Unrecognized options: (.*)", text):
        hints = [line.strip() for section in helps for line in section if "--" in line]
        meant = f" (perhaps you meant {hints[0]})" if len(hints) > 1 else ""
        return f"options must be among those of {help_line}, got {match[1]}{meant}"
    if match := re.fullmatch(r"invalid choice (.*) for argument '(.*)'\. .* of \((.*)\)\.", text):
        return f"{match[2]} must be one of {match[3].replace(chr(39), '')}, got {match[1]}"
    if match := re.fullmatch(r"Missing value for argument '(.*)'\. .*", text):
        return f"{match[1]} must have a value, got none"
    if text.startswith("Missing from"):
        names = [line.strip() for line in error if re.match(r" {4,6}\S", line)]
        return f"{' and '.join(names)} must be given, got nothing; see {help_line}"
    if match := re.fullmatch(r"Error parsing (--[^ :]+): (.*)", text):
        return _explain_value(match[1], match[2], helps)
    # A rule of our own, broken by a record within the arguments: say no more than it does.
    return re.sub(r"^Error parsing [\w.]+: ", "", text)


def _explain_value(flag: str, reason: str, helps: list[list[str]]) -> str:
    usages = [line.strip() for section in helps for line in section if f"{flag} " in line]
    values = re.findall(r"'([^']*)'", reason)
    if not usages or not values:
        return f"{flag} must be readable, got an error: {reason}"
    kind = usages[0].rpartition(f"{flag} ")[2].replace("{None}|", "")
    return f"{flag} must be {kind}, got {values[0]!r}"


def _split_sections(box: str) -> list[list[str]]:
    """Take the box away; sections end at a rule or an empty line, the title is left out."""
    sections: list[list[str]] = [[]]
    for line in _ANSI.sub("", box).splitlines()[1:]:
        inner = line.rstrip().strip(_EDGES).rstrip()
        if set(inner) <= _RULES:
            sections.append([])
        else:
            sections[-1].append(inner)
    return [section for section in sections if section]
