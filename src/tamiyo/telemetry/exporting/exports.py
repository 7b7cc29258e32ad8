"""Exports: the sinks a user asks for by name, opened together, closed with a report."""

from __future__ import annotations

from importlib.metadata import entry_points
from importlib.util import find_spec
from typing import TYPE_CHECKING, Final, NamedTuple

from tamiyo.contracts import ConfigError, EventsDropped, UnknownNameError
from tamiyo.telemetry.exporting.queue import ClosableSink, QueuedSink
from tamiyo.telemetry.exporting.tensorboard import TensorBoardSink
from tamiyo.telemetry.exporting.wandb import WandbSink

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tamiyo.contracts import Event

__all__ = ["ENTRY_POINTS", "EXPORTS", "Exports"]

ENTRY_POINTS: Final = "tamiyo.sinks"
"""Group of entry points in which other packages offer sinks: a function from the run's folder."""


class _Export(NamedTuple):
    package: str
    build: Callable[[Path], ClosableSink]


EXPORTS: Final[Mapping[str, _Export]] = {
    "tensorboard": _Export("tensorboard", TensorBoardSink),
    "wandb": _Export("wandb", WandbSink),
}
"""Sinks that come along, by name; each needs a package of the same extra."""


class Exports:
    """Hands events to sinks that may be slow or fail, and never waits for them.

    Args:
        names: Names of :data:`EXPORTS` or of entry points; each once.

    Raises:
        UnknownNameError: If there is no sink of that name.
        ConfigError: If its package is not installed.
    """

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._builders = {name: _find_builder(name) for name in names}
        self._sinks: list[QueuedSink] = []

    def open(self, folder: Path) -> None:
        """Begin to hand events on.

        Args:
            folder: The run's folder, which exists.

        Raises:
            ConfigError: If a sink cannot be opened.
        """
        for name, build in self._builders.items():
            try:
                sink = build(folder)
            except Exception as error:  # other people's code, and nothing is lost yet
                message = f"{name} must be ready to take events, got {' '.join(str(error).split())}"
                raise ConfigError(message) from error
            self._sinks.append(QueuedSink(sink, name=name))

    def emit(self, event: Event) -> None:
        """Let the event wait for its turn with every sink."""
        for sink in self._sinks:
            sink.emit(event)

    def close(self) -> list[EventsDropped]:
        """Close every sink and say what they lack; closing twice does no harm."""
        sinks, self._sinks = self._sinks, []
        for sink in sinks:
            sink.close()
        return [
            EventsDropped(
                sink=sink.name,
                count=sink.dropped,
                reason=None if sink.failure is None else _describe(sink.failure),
            )
            for sink in sinks
            if sink.dropped or sink.failure is not None
        ]


def _describe(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _find_builder(name: str) -> Callable[[Path], ClosableSink]:
    """Find what opens a sink.

    Raises:
        UnknownNameError: If there is none of that name.
        ConfigError: If its package is not installed.
    """
    if name in EXPORTS:
        export = EXPORTS[name]
        if find_spec(export.package) is None:
            message = (
                f"package {export.package} must be installed for --log {name}, got none: "
                f"pip install 'tamiyo[{name}]'"
            )
            raise ConfigError(message)
        return export.build
    offered = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in offered:
        kind = "log"
        raise UnknownNameError(kind, name, [*EXPORTS, *offered])
    build: Callable[[Path], ClosableSink] = offered[name].load()
    return build
