"""Note what fails while evidence is gathered, under the requirements it would have been for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import TamiyoError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LEARNING", "LIVING", "Failures"]

LIVING: Final = ("1.1", "1.2", "1.3", "3.1", "4.1", "4.2", "4.4", "7.1", "7.7", "7.8", "8.1")
"""Requirements that episodes show."""

LEARNING: Final = ("2.2", "3.2", "3.4", "5.1", "5.2", "5.3", "5.4", "6.1", "6.3")
"""Requirements that rounds of learning show."""


class Failures:
    """What failed so far.

    Attributes:
        noted: Numbers of requirements and what went wrong, one pair per failure.
    """

    def __init__(self) -> None:
        self.noted: list[tuple[tuple[str, ...], str]] = []

    @contextmanager
    def noting(self, what: str, ids: tuple[str, ...]) -> Iterator[None]:
        """Note an error of Tamiyo's instead of stopping.

        Args:
            what: What is being done.
            ids: Requirements it is for.

        Yields:
            Nothing.
        """
        try:
            yield
        except TamiyoError as error:
            self.noted.append((ids, f"{what} stopped: {error}"))
