"""Populations that worker processes can build, and what a learned controller is shown of them."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

from support.setting import AT_ONCE, list_growth_commands

from tamiyo.contracts import EventSink, NullSink, SeedStream, build_action_spec
from tamiyo.controller import SignalTracker
from tamiyo.engine import (
    ArrayField,
    Encoding,
    EngineConfig,
    Member,
    SequentialPopulation,
    StepResult,
    build_task_trainee,
)
from tamiyo.engine.batched import BatchedPopulation
from tamiyo.observation import (
    ObservationEncoder,
    build_layout,
    compute_action_masks,
    gather_arrays,
)
from tamiyo.tasks import TaskData, build_host, get_task

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tamiyo.engine import FinalResult

TASK = get_task("digits-cnn")
SPEC = build_action_spec(list(TASK.slots))
LAYOUT = build_layout(len(TASK.slots))
FIELDS = (
    ArrayField(name="observations", shape=(LAYOUT.size,), dtype="float32"),
    ArrayField(name="action_masks", shape=(SPEC.mask_size,), dtype="bool"),
)


@cache
def _load_data() -> TaskData:
    return TASK.load_data()


def build_members(environments: Sequence[int], sink: EventSink) -> SequentialPopulation:
    """Build environments of digits-cnn, trained one after the other."""
    return SequentialPopulation(_list_members(environments, sink))


def build_batched(environments: Sequence[int], sink: EventSink) -> BatchedPopulation:
    """Build environments of digits-cnn, trained as one network."""
    return BatchedPopulation(_list_members(environments, sink))


def _list_members(environments: Sequence[int], sink: EventSink) -> list[Member]:
    return [
        Member(
            TASK.config,
            _load_data(),
            TASK.slots,
            lambda: build_task_trainee(build_host(TASK.host), TASK.config),
            engine=EngineConfig(lifecycle=AT_ONCE),
            seeds=SeedStream(run_seed=0, stream=environment),
            environment=environment,
            sink=sink,
        )
        for environment in environments
    ]


class IdlePopulation:
    """Gives the same results again and again without any work."""

    def __init__(self, initial: list[StepResult]) -> None:
        self.initial = initial

    def step(self, commands: Sequence[object]) -> list[StepResult]:
        """Do nothing.

        Args:
            commands: Are not looked at.
        """
        assert len(commands) == len(self.initial)
        return self.initial

    def begin_closing(self) -> None:
        """Do nothing."""

    def judge(self) -> list[FinalResult]:
        """Judge nothing."""
        return []

    def close(self) -> None:
        """Do nothing."""


def build_idle(environments: Sequence[int], _sink: EventSink) -> IdlePopulation:
    """Grow one host with three seeds and let every environment show what it has become."""
    population = build_members([0], NullSink())
    for command in list_growth_commands():
        results = population.step([command])
    return IdlePopulation([deepcopy(results[0]) for _ in environments])


class Showing:
    """Shows a learned controller what it needs: follows every environment's course."""

    def __init__(self) -> None:
        self._encoder = ObservationEncoder(LAYOUT, TASK.config)
        self._trackers: list[SignalTracker] = []

    def __call__(self, results: Sequence[StepResult]) -> dict[str, NDArray[Any]]:
        """Encode observations and masks."""
        if not self._trackers:
            epochs = TASK.config.decision_epochs
            self._trackers = [SignalTracker(decision_epochs=epochs) for _ in results]
        measured = [result.measured for result in results]
        for tracker, report in zip(self._trackers, measured, strict=True):
            tracker.update(report)
        signals = [tracker.peek() for tracker in self._trackers]
        arrays = gather_arrays([result.host for result in results], signals)
        return {
            "observations": self._encoder.encode(arrays),
            "action_masks": compute_action_masks(arrays, SPEC),
        }


class ShowingAgain:
    """Shows the first results again and again without any work."""

    def __init__(self) -> None:
        self._shown: dict[str, NDArray[Any]] = {}

    def __call__(self, results: Sequence[StepResult]) -> dict[str, NDArray[Any]]:
        """Return what was encoded first."""
        self._shown = self._shown or Showing()(results)
        return self._shown


SHOWING_AGAIN = Encoding(fields=FIELDS, encode=ShowingAgain())
