"""TrainingSink: a controller being trained, a line for every twentieth of it and its alarms."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Self

from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from tamiyo.contracts import (
    GAIN_METRIC,
    Event,
    EventsDropped,
    TrainingFinished,
    TrainingStarted,
    UpdateCompleted,
)
from tamiyo.ui.formatting import format_count
from tamiyo.ui.terminal.notices import describe_drop

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID
    from rich.status import Status

    from tamiyo.contracts import UpdateReport

__all__ = ["TrainingSink"]

_LINES: Final = 20
_NUMBER: Final = re.compile(r"[-+]?[0-9][0-9.]*")
_COLUMNS: Final = (
    ("steps", 11),
    ("return", 8),
    ("length", 7),
    ("expl.var", 9),
    ("KL", 7),
    ("clipped", 8),
    ("entropy", 8),
)


class TrainingSink:
    """Prints how a training goes; on a terminal with a live bar. A context manager.

    Columns: steps made; mean return (on a task the score less that of the host alone) and length of
    the episodes that ended since the last line;
    explained variance of the critic; divergence, share of clipped ratios and entropy of the first
    head at the last update.

    Args:
        console: Where to print.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._wait: Status | None = None
        self._bar: Progress | None = None
        self._bar_task: TaskID | None = None
        self._steps_per_line = 1
        self._next_line = 0
        self._returns = _EpisodeMean()
        self._lengths = _EpisodeMean()
        self._updates = 0
        self._alarms: dict[str, tuple[str, int]] = {}

    def emit(self, event: Event) -> None:
        """Print the lines an event is worth."""
        if isinstance(event, EventsDropped):
            self._print(Text(describe_drop(event), style="yellow"))
        elif isinstance(event, TrainingStarted):
            self._show_start(event)
        elif isinstance(event, UpdateCompleted):
            self._show_update(event.report)
        elif isinstance(event, TrainingFinished):
            self.close()
            self._sum_up_alarms()
            word = "stopped" if event.interrupted else "finished"
            text = f"{word} after {format_count(event.steps)} steps, {event.updates} updates"
            self._print(Text(text, style="bold yellow" if event.interrupted else "bold"))

    def show_wait(self, reason: str) -> None:
        """Say what is waited for before the training begins; its first event ends that.

        Args:
            reason: What is being done.
        """
        if self._console.is_interactive:
            self._wait = self._console.status(reason)
            self._wait.start()
        else:
            self._print(Text(reason))

    def show_steps(self, steps: int) -> None:
        """Move the bar within a rollout.

        Args:
            steps: Environment steps made so far.
        """
        if self._bar is not None and self._bar_task is not None:
            self._bar.update(self._bar_task, completed=steps)

    def close(self) -> None:
        """Take away what moves; closing twice does no harm."""
        self._end_wait()
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _end_wait(self) -> None:
        if self._wait is not None:
            self._wait.stop()
            self._wait = None

    def _show_start(self, event: TrainingStarted) -> None:
        self._end_wait()
        begun = f", goes on after {format_count(event.steps)} steps" if event.steps else ""
        title = (
            f"{event.env_id}, seed {event.seed}: {format_count(event.total_steps)} steps in "
            f"{event.num_envs} environments{begun}; "
            f"a controller of {format_count(event.parameters)} parameters"
        )
        self._print(Text(title, style="bold"))
        header = "".join(f"{name:>{width}}" for name, width in _COLUMNS)
        self._print(Text(header, style="bold"))
        self._steps_per_line = max(1, event.total_steps // _LINES)
        self._next_line = event.steps + self._steps_per_line
        if self._console.is_interactive:
            self._bar = Progress(
                TextColumn("{task.percentage:>3.0f} %"),
                BarColumn(bar_width=None),
                TextColumn("eta"),
                TimeRemainingColumn(),
                console=self._console,
                transient=True,
                expand=True,
            )
            self._bar_task = self._bar.add_task("", total=event.total_steps, completed=event.steps)
            self._bar.start()

    def _show_update(self, report: UpdateReport) -> None:
        rollout = report.rollout
        gain = rollout.environment.get(GAIN_METRIC, rollout.episode_return)
        self._returns.add(gain, rollout.episodes)
        self._lengths.add(rollout.episode_length, rollout.episodes)
        self.show_steps(report.steps)
        self._show_alarms(report)
        if report.steps < self._next_line:
            return
        self._next_line = report.steps + self._steps_per_line
        entropy = next(iter(report.heads.values())).entropy
        values = (
            format_count(report.steps),
            _format(self._returns.take(), ".2f"),
            _format(self._lengths.take(), ".1f"),
            _format(report.value.explained_variance, ".2f"),
            _format(report.policy.kl, ".3f"),
            _format(100 * report.policy.clip_fraction, ".0f") + " %",
            _format(entropy, ".2f"),
        )
        cells = zip(values, _COLUMNS, strict=True)
        self._print(Text("".join(f"{value:>{width}}" for value, (_, width) in cells)))

    def _show_alarms(self, report: UpdateReport) -> None:
        """Print an alarm the first time, whatever its numbers, and count it from then on."""
        self._updates += 1
        for alarm in report.alarms:
            subject = _NUMBER.sub("", alarm)
            if subject not in self._alarms:
                self._print(Text(f"{format_count(report.steps):>11}  ! {alarm}", style="yellow"))
            _, count = self._alarms.get(subject, (alarm, 0))
            self._alarms[subject] = (alarm, count + 1)

    def _sum_up_alarms(self) -> None:
        for alarm, count in self._alarms.values():
            text = f"  ! in {count} of {self._updates} updates, last: {alarm}"
            self._print(Text(text, style="yellow"))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)


class _EpisodeMean:
    """Mean over the episodes since it was last taken."""

    def __init__(self) -> None:
        self._total = 0.0
        self._count = 0

    def add(self, mean: float | None, episodes: int) -> None:
        if mean is not None:
            self._total += mean * episodes
            self._count += episodes

    def take(self) -> float | None:
        mean = self._total / self._count if self._count else None
        self._total, self._count = 0.0, 0
        return mean


def _format(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
