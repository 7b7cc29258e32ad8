"""KeyReader: keys of a terminal as they are pressed, without waiting for a line."""

from __future__ import annotations

import os
import select
import sys
from typing import TYPE_CHECKING, Final, Self

from tamiyo.ui.dashboard.view import Key

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["KeyReader", "parse_keys"]

_KEYS: Final = {
    b"\x1b[D": Key.PREVIOUS,
    b"\x1bOD": Key.PREVIOUS,
    b"\x1b[C": Key.NEXT,
    b"\x1bOC": Key.NEXT,
    b" ": Key.PAUSE,
    b"q": Key.QUIT,
    b"Q": Key.QUIT,
}
_LONGEST: Final = 64


def parse_keys(pressed: bytes) -> Iterator[Key | int]:
    """Read which keys were pressed; those that mean nothing are passed over.

    Args:
        pressed: What the terminal sent.

    >>> list(parse_keys(b"2x "))
    [2, <Key.PAUSE: 'space'>]
    """
    place = 0
    while place < len(pressed):
        for sequence, key in _KEYS.items():
            if pressed.startswith(sequence, place):
                yield key
                place += len(sequence)
                break
        else:
            if pressed[place : place + 1].isdigit():
                yield int(pressed[place : place + 1])
            place += 1


class KeyReader:
    """Reads keys without an echo while it is entered; where there is no keyboard it reads none."""

    def __init__(self) -> None:
        self._file = sys.stdin.fileno() if sys.stdin is not None and sys.stdin.isatty() else None
        self._before: Any = None

    def __enter__(self) -> Self:
        if self._file is not None:
            import termios  # noqa: PLC0415  # there is none on Windows
            import tty  # noqa: PLC0415  # as above

            self._before = termios.tcgetattr(self._file)
            tty.setcbreak(self._file)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            import termios  # noqa: PLC0415  # as above

            termios.tcsetattr(self._file, termios.TCSADRAIN, self._before)

    def wait(self, seconds: float) -> list[Key | int]:
        """Wait for keys.

        Args:
            seconds: How long at most.

        Returns:
            The keys that were pressed, in order; none if the time is over.
        """
        if self._file is None:
            select.select([], [], [], seconds)
            return []
        ready, _, _ = select.select([self._file], [], [], seconds)
        return list(parse_keys(os.read(self._file, _LONGEST))) if ready else []
