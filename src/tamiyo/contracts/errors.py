"""The exception tree: every refusal a caller can meet, each with one clear line."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from enum import Enum

__all__ = [
    "ArtifactError",
    "ConfigError",
    "InvariantError",
    "ScheduleError",
    "ShapeError",
    "SlotIdError",
    "StageError",
    "TamiyoError",
    "UnknownNameError",
    "WorkerError",
    "check_at_least",
    "check_at_most",
    "check_choices",
    "decoding",
]

_DAMAGES: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,  # of PyTorch, where tensors do not fit; also that of too deep a nesting
    TypeError,
    ValueError,
)
_SHOWN_CHARACTERS: Final = 160


class TamiyoError(Exception):
    """Base of every error Tamiyo raises for a caller's mistake."""


class ConfigError(TamiyoError, ValueError):
    """A setting breaks its rule or contradicts another one."""


class UnknownNameError(ConfigError):
    """A name is in no registry.

    Args:
        kind: What was looked up, for example ``"task"``.
        name: The name that was given.
        known: The names that exist, in the order to print them.
    """

    def __init__(self, kind: str, name: str, known: list[str]) -> None:
        super().__init__(f"{kind} must be one of {', '.join(known)}, got {name!r}")
        self._lookup = (kind, name, known)

    def __reduce__(self) -> tuple[type[Self], tuple[str, str, list[str]]]:
        """Build it again from what was looked up, so that a worker process can raise it."""
        return type(self), self._lookup


class ShapeError(ConfigError):
    """A tensor or a host has a shape that cannot be used here."""


class SlotIdError(ConfigError):
    """A slot id is not of the form ``r{row}c{col}``, is a duplicate or does not exist."""


class StageError(ConfigError):
    """A stage value is none of the ten valid ones."""


class ScheduleError(ConfigError):
    """A schedule file is not readable or asks for something illegal."""


class ArtifactError(TamiyoError):
    """A run folder or an export is missing, incomplete, altered or in the way."""


class InvariantError(TamiyoError, AssertionError):
    """One of Tamiyo's own promises does not hold: a bug, found by the debug checks."""


class WorkerError(TamiyoError, RuntimeError):
    """Worker processes cannot go on: one is lost again and again, or their episode is over."""


def check_at_least(record: object, smallest: Mapping[str, float]) -> None:
    """Check lower bounds of a record's fields.

    Args:
        record: The record.
        smallest: Field name to the smallest value it may have.

    Raises:
        ConfigError: If a field is smaller, infinite, or no number.
    """
    for name, least in smallest.items():
        value = getattr(record, name)
        if not value >= least:
            message = f"{name} must be at least {least}, got {value}"
            raise ConfigError(message)
        if value == math.inf:
            message = f"{name} must be finite, got {value}"
            raise ConfigError(message)


def check_at_most(record: object, largest: Mapping[str, float]) -> None:
    """Check upper bounds of a record's fields.

    Args:
        record: The record.
        largest: Field name to the largest value it may have; a field that is ``None`` may be.

    Raises:
        ConfigError: If a field is larger.
    """
    for name, most in largest.items():
        value = getattr(record, name)
        if value is not None and value > most:
            message = f"{name} must be at most {most}, got {value}"
            raise ConfigError(message)


def check_choices(record: object, kinds: Mapping[str, type[Enum]]) -> None:
    """Check that fields of a record are members of their enums.

    Args:
        record: The record.
        kinds: Field name to its enum.

    Raises:
        ConfigError: If a field is none of them.
    """
    for name, kind in kinds.items():
        value = getattr(record, name)
        if value not in set(kind):
            message = f"{name} must be {' or '.join(str(one) for one in kind)}, got {value!r}"
            raise ConfigError(message)


@contextmanager
def decoding(what: str) -> Iterator[None]:
    """Refuse content from outside that turns out not to be what it should while it is read.

    Within it only what was read is taken apart, so that no mistake of our own is blamed on a file.

    Args:
        what: What is read, for example ``"checkpoint runs/a/checkpoint.safetensors"``.

    Raises:
        ArtifactError: If anything goes wrong that damaged content makes go wrong.
        TamiyoError: If it was refused already.
    """
    try:
        yield
    except TamiyoError:
        raise
    except _DAMAGES as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:_SHOWN_CHARACTERS]
        message = f"{what} must be whole and written by this version of Tamiyo, got {reason}"
        raise ArtifactError(message) from error
