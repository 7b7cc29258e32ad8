"""``tamiyo report``: a run, or two beside each other, as one HTML file."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

from tyro.conf import Positional, arg

from tamiyo.cli.flags import read_flags
from tamiyo.cli.records.log_path import find_log
from tamiyo.contracts import ArtifactError
from tamiyo.telemetry import tell_run
from tamiyo.ui import build_comparison_page, build_run_page

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ReportArguments", "run"]

_EXAMPLES: Final = """\
  tamiyo report runs/digits-cnn-heuristic-0
      writes runs/digits-cnn-heuristic-0/report.html
  tamiyo report runs/train-digits-cnn-0 --out training.html
      a training: learning curves and the last episode of each recorded environment
  tamiyo report runs/digits-cnn-heuristic-0 runs/digits-cnn-learned-0 --out both.html
      two runs beside each other"""


@dataclass(frozen=True, kw_only=True)
class ReportArguments:
    """Write a run, or two beside each other, into one HTML file; only the event log is read.

    The file holds everything it needs, asks no other machine for anything, and is the same for the
    same log.

    Attributes:
        run: A run folder, or an event log; it need not be finished.
        other: Another one to compare it with.
        out: The file to write. If not given, report.html beside the log, or comparison.html beside
            the first log where two are compared. A file of this name is replaced.
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    other: Positional[Annotated[Path | None, arg(metavar="OTHER")]] = None
    out: Annotated[Path | None, arg(aliases=["-o"])] = None


def run(words: Sequence[str]) -> None:
    """Carry out the command.

    Raises:
        TamiyoError: If a log cannot be read, or the file cannot be written.
    """
    arguments = read_flags(ReportArguments, words, command="report", examples=_EXAMPLES)
    log = find_log(arguments.run)
    story = tell_run(log)
    if arguments.other is None:
        page, name = build_run_page(story), "report.html"
    else:
        page = build_comparison_page(story, tell_run(find_log(arguments.other)))
        name = "comparison.html"
    target = arguments.out or log.parent / name
    _write(target, page)
    print(f"report  {target}  ({len(page.encode()) / 1000:,.0f} kB; open it in a browser)")


def _write(target: Path, page: str) -> None:
    """Write the page whole or not at all.

    Raises:
        ArtifactError: If that is not possible.
    """
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(page, encoding="utf-8")
        part.replace(target)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        message = f"--out must be a file that can be written, got {target}: {error.strerror}"
        raise ArtifactError(message) from error
