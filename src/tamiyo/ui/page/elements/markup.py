"""Markup: HTML that was escaped where it was made."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Content", "Markup", "join", "tag"]

_VOID: Final = frozenset({"br", "input", "link", "meta"})


class Markup(str):
    """Text that is HTML already; any other string is escaped before it becomes part of a page."""

    __slots__ = ()


Content: TypeAlias = "Markup | str | float | Iterable[Content] | None"
"""What may stand in an element: markup, text, a number, several of these, or nothing."""


def tag(name: str, /, *content: Content, **attributes: str | float | bool | None) -> Markup:
    """Write an element.

    Args:
        name: Its name.
        content: What stands in it.
        attributes: Its attributes: an underscore stands for a dash, one at the end for nothing;
            ``True`` writes the name alone, ``None`` and ``False`` leave it out.

    >>> tag("a", "1 < 2", href="#x", class_="link", aria_hidden=None)
    '<a href="#x" class="link">1 &lt; 2</a>'
    """
    words = [name]
    for key, value in attributes.items():
        written = key.rstrip("_").replace("_", "-")
        if value is True:
            words.append(written)
        elif value is not None and value is not False:
            words.append(f'{written}="{escape(_write(value))}"')
    opening = f"<{' '.join(words)}>"
    return Markup(opening if name in _VOID else f"{opening}{join(*content)}</{name}>")


def join(*content: Content) -> Markup:
    """Write one thing after the other, escaping what is not markup.

    >>> join("a & b", [tag("b", 2.50), None])
    'a &amp; b<b>2.5</b>'
    """
    written = []
    for part in content:
        if isinstance(part, Markup):
            written.append(str(part))
        elif isinstance(part, str | float | int):
            written.append(escape(_write(part), quote=False))
        elif part is not None:
            written.append(str(join(*part)))
    return Markup("".join(written))


def _write(value: str | float) -> str:
    """Write a number briefly: a tenth of a pixel is as much as anybody sees."""
    if isinstance(value, str):
        return value
    return f"{value:.1f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
