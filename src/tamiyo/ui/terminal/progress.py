"""ProgressSink: a run as it happens, one line per epoch and one per lifecycle event."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from tamiyo.contracts import (
    EpochCompleted,
    Event,
    EventsDropped,
    LearningEvent,
    RunFinished,
    RunStarted,
    TwinTrained,
)
from tamiyo.ui.formatting import format_count, format_growth, format_si
from tamiyo.ui.terminal.notices import NoticeWriter, describe_drop
from tamiyo.ui.terminal.rows import RowLayout, choose_layout
from tamiyo.ui.terminal.stages import CELL_LETTERS
from tamiyo.ui.terminal.symbols import choose_symbols

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

__all__ = ["ProgressSink"]


class ProgressSink:
    """Prints a run's events; on a terminal with a live bar and the time left. A context manager.

    Leaving it takes the bar away, whatever ended the run. Events of other environments, and events
    before the run's start, are passed over.

    Args:
        console: Where to print; its width decides how much is said about each slot.
        environment: Index of the environment to show.
    """

    def __init__(self, console: Console, *, environment: int = 0) -> None:
        self._console = console
        self._environment = environment
        self._symbols = choose_symbols(console)
        self._notices = NoticeWriter(plus_minus=self._symbols.plus_minus)
        self._layout: RowLayout | None = None
        self._accuracy: float | None = None
        self._bar: Progress | None = None
        self._bar_task: TaskID | None = None

    def emit(self, event: Event) -> None:
        """Print the lines an event is worth."""
        if isinstance(event, EventsDropped):
            self._print(Text(describe_drop(event), style="yellow"))
        elif isinstance(event, RunStarted):
            if event.host.environment == self._environment:
                self._show_start(event)
        elif self._layout is None or isinstance(event, LearningEvent):
            return
        elif event.environment == self._environment:
            self._show(event, self._layout)

    def close(self) -> None:
        """Take the bar away; closing twice does no harm."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _show(self, event: Event, layout: RowLayout) -> None:
        if isinstance(event, EpochCompleted):
            self._show_epoch(event, layout)
        elif isinstance(event, RunFinished):
            self._show_end(event, layout)
        elif isinstance(event, TwinTrained):
            control = event.control_accuracies[-1]
            reached = layout.metric.write_result(event.test_accuracy, control)
            self._print(Text(f"host alone: {reached}"))
        else:
            notice = self._notices.describe(event)
            if notice is not None:
                row = layout.start_row(notice.epoch)
                self._print(row.append(f"{notice.sign} {notice.text}", style=notice.style))

    def _show_start(self, event: RunStarted) -> None:
        layout = choose_layout(event, width=self._console.width, symbols=self._symbols)
        size = format_count(event.host.host_parameters)
        title = (
            f"{event.task} grown by {event.controller}, seed {event.seed}: "
            f"{event.epochs} epochs, host of {size} parameters{layout.metric.introduction}"
        )
        self._print(Text(title, style="bold"))
        if layout.cell == "letter":
            self._print(Text(CELL_LETTERS, style="dim"))
        self._print(layout.header)
        self._print(layout.build_row(event.initial, event.host, None))
        self._layout = layout
        self._accuracy = event.initial.control_accuracy
        self._start_bar(event)

    def _show_epoch(self, event: EpochCompleted, layout: RowLayout) -> None:
        self._print(layout.build_row(event.measured, event.host, self._accuracy))
        self._accuracy = event.measured.control_accuracy
        if self._bar is not None and self._bar_task is not None:
            self._bar.update(self._bar_task, completed=event.measured.epoch)

    def _show_end(self, event: RunFinished, layout: RowLayout) -> None:
        self.close()
        word = f"interrupted after epoch {event.epochs}" if event.interrupted else "finished"
        growth = format_growth(event.parameters, event.host_parameters)
        work = (
            ""
            if event.multiply_adds is None
            else f", {format_si(event.multiply_adds)} multiply-adds"
        )
        text = (
            f"{word}: {layout.metric.write_result(event.test_accuracy, event.control_accuracy)}, "
            f"{format_count(event.parameters)} parameters ({growth}){work}"
        )
        self._print(Text(text, style="bold yellow" if event.interrupted else "bold"))

    def _start_bar(self, event: RunStarted) -> None:
        if not self._console.is_interactive:
            return
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("eta"),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            expand=True,
        )
        self._bar_task = self._bar.add_task(event.task, total=event.epochs)
        self._bar.start()

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)
