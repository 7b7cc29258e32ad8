"""The secret part of a page's address: a new one each time, or one that is kept in a file."""

from __future__ import annotations

import os
import re
import secrets
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import ArtifactError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["build_token", "load_token"]

_BYTES: Final = 24
_RULE: Final = re.compile(r"[A-Za-z0-9_-]{32,256}\n?")
_OTHERS: Final = 0o077


def build_token() -> str:
    """Build a token that nobody can guess, 32 characters."""
    return secrets.token_urlsafe(_BYTES)


def load_token(path: Path) -> str:
    """Read the token a file holds; a file that is not there is made, for its owner's eyes only.

    Args:
        path: The file.

    Raises:
        ArtifactError: If it cannot be read or written, holds no token, or others may read it.
    """
    try:
        # Made with its mode in one step: at no moment may others read it.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return _read(path)
    except OSError as error:
        message = f"token file must be one that can be written, got {path}: {error.strerror}"
        raise ArtifactError(message) from error
    token = build_token()
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{token}\n")
    return token


def _read(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        message = f"token file must be one that can be read, got {path}: {error.strerror}"
        raise ArtifactError(message) from error
    if mode & _OTHERS:
        message = (
            f"token file must be for its owner only, got {path} with mode {mode & 0o777:o}: "
            f"chmod 600 {path}"
        )
        raise ArtifactError(message)
    if not _RULE.fullmatch(text):
        message = (
            "token file must hold one line of 32 to 256 letters, digits, - and _, "
            f"got {len(text)} characters in {path}; remove it, and it is made anew"
        )
        raise ArtifactError(message)
    return text.strip()
