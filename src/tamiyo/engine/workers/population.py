"""WorkerPopulation: the environments of a population, shared out to processes."""

from __future__ import annotations

import pickle
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar
from weakref import finalize

import numpy as np

from tamiyo.contracts import ConfigError, ShapeError, WorkerError
from tamiyo.engine.workers.crew import Crew
from tamiyo.engine.workers.messages import Begin, BeginClosing, Judge, Order, Step
from tamiyo.engine.workers.sharding import split_into_shards

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import TracebackType

    from numpy.typing import NDArray

    from tamiyo.contracts import AdaptationCommand, EventSink
    from tamiyo.engine.member import FinalResult, StepResult
    from tamiyo.engine.populations import Population
    from tamiyo.engine.workers.shard import Encoding

__all__ = ["WorkerPopulation"]

K = TypeVar("K")
"""What identifies an environment, for example ``(run_seed, environment)``."""


class WorkerPopulation(Generic[K]):
    """A population whose environments live in worker processes, a contiguous shard in each.

    Every environment owns its generators, so it gives the same bytes in a worker as in this
    process with one thread. A worker that is lost is replaced by one that repeats the episode;
    results and events stay those of an undisturbed run. What a worker refuses with a
    :class:`~tamiyo.contracts.TamiyoError` is raised here; like an interrupt during a step it ends
    the episode, and :meth:`restart` begins the next one.

    Args:
        build: Builds the population of some keys, which tells its events to the given sink. It runs
            in the workers, again for every episode, and must survive pickling, as must the keys.
        keys: What identifies each environment.
        workers: Number of processes, at least 1; reduced to the number of environments.
        sink: Where events go, after each step in the order of the environments' shards; ``None``
            to leave them untold, which costs nothing.
        encoding: What workers make of their results and leave in shared memory.

    Attributes:
        initial: What every environment was before its first step.
        arrays: The encoded results of the last step, or of the first results, by name; shape
            ``[environments, ...]``, in shared memory: the next step overwrites them.

    Raises:
        ConfigError: If there is no environment or no worker, or something cannot be pickled.
    """

    def __init__(
        self,
        build: Callable[[Sequence[K], EventSink], Population],
        keys: Sequence[K],
        *,
        workers: int,
        sink: EventSink | None = None,
        encoding: Encoding | None = None,
    ) -> None:
        self._shards = split_into_shards(len(keys), workers)
        _check_picklable(build=build, keys=keys, encoding=encoding)
        self._sink = sink
        self._crew = Crew(build, self._shards, encoding=encoding, wants_events=sink is not None)
        self._finalizer = finalize(self, self._crew.close)
        self._is_encoding = encoding is not None
        self.arrays: Mapping[str, NDArray[Any]] = self._crew.arrays
        self._is_running = True
        try:
            self.initial = self._begin(keys)
        except BaseException:
            self.close()
            raise

    @property
    def process_ids(self) -> list[int]:
        """Ids of the workers' processes, in the order of their environments."""
        return self._crew.process_ids

    def step(
        self, commands: Sequence[AdaptationCommand | None] | NDArray[np.int64]
    ) -> list[StepResult]:
        """Carry out one command per environment and train each for one epoch.

        Args:
            commands: One command per environment, or choices of shape ``[environments, heads]``,
                which cross in shared memory.

        Raises:
            ConfigError: If there is not one command per environment.
            WorkerError: If the episode is over, or a worker is lost again and again.
        """
        return self._gather(self._order_steps(commands, wants_results=True))

    def step_arrays(
        self, commands: Sequence[AdaptationCommand | None] | NDArray[np.int64]
    ) -> Mapping[str, NDArray[Any]]:
        """Do the same and give the encoded results only, which cross in shared memory.

        Args:
            commands: As for :meth:`step`.

        Returns:
            :attr:`arrays`, which the next step overwrites.

        Raises:
            ConfigError: If there is not one command per environment, or no encoding.
            WorkerError: If the episode is over, or a worker is lost again and again.
        """
        if not self._is_encoding:
            message = "encoding must be given for steps in arrays, got None"
            raise ConfigError(message)
        self._exchange(self._order_steps(commands, wants_results=False))
        return self.arrays

    def begin_closing(self) -> None:
        """Send every uncommitted seed on its way out: the last decision has been made.

        Raises:
            WorkerError: If the episode is over, or a worker is lost again and again.
        """
        self._exchange([BeginClosing()] * len(self._shards))

    def judge(self) -> list[FinalResult]:
        """Judge every committed network.

        Raises:
            WorkerError: If the episode is over, or a worker is lost again and again.
        """
        return self._gather([Judge()] * len(self._shards))

    def restart(self, keys: Sequence[K]) -> None:
        """Begin an episode with other environments in the same processes.

        Processes that an interrupt left in the middle of a step are replaced.

        Args:
            keys: What identifies each environment; as many as before.

        Raises:
            ConfigError: If the number of environments differs or a key cannot be pickled.
            WorkerError: If the population is closed, or a worker is lost again and again.
        """
        if len(keys) != self._environments:
            message = f"keys must be {self._environments} as before, got {len(keys)}"
            raise ConfigError(message)
        _check_picklable(keys=keys)
        self._check(is_able=self._finalizer.alive, state="closed")
        self._crew.settle()
        self._is_running = True
        self.initial = self._begin(keys)

    def close(self) -> None:
        """End the processes and give back the shared memory; repeatable.

        Arrays that are still held keep their numbers.
        """
        self._is_running = False
        self._finalizer()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def _environments(self) -> int:
        return self._shards[-1].stop

    def _begin(self, keys: Sequence[K]) -> list[StepResult]:
        return self._gather([Begin(keys=tuple(part)) for part in self._split(keys)])

    def _order_steps(
        self,
        commands: Sequence[AdaptationCommand | None] | NDArray[np.int64],
        *,
        wants_results: bool,
    ) -> list[Order]:
        self._check(is_able=self._is_running, state="at the end of an episode or closed")
        if isinstance(commands, np.ndarray):
            self._leave_actions(commands)
            return [Step(commands=None, wants_results=wants_results)] * len(self._shards)
        if len(commands) != self._environments:
            message = f"commands must be {self._environments}, got {len(commands)}"
            raise ConfigError(message)
        return [
            Step(commands=tuple(part), wants_results=wants_results)
            for part in self._split(commands)
        ]

    def _leave_actions(self, actions: NDArray[np.int64]) -> None:
        shared = self._crew.actions
        if actions.shape != shared.shape or actions.dtype != shared.dtype:
            message = (
                f"actions must be {shared.dtype} of shape {shared.shape}, "
                f"got {actions.dtype} of shape {actions.shape}"
            )
            raise ShapeError(message)
        np.copyto(shared, actions)

    def _split(self, items: Sequence[Any]) -> Iterator[Sequence[Any]]:
        return (items[shard.start : shard.stop] for shard in self._shards)

    def _gather(self, orders: Sequence[Order]) -> list[Any]:
        return [result for results in self._exchange(orders) for result in results]

    def _exchange(self, orders: Sequence[Order]) -> list[Any]:
        self._check(is_able=self._is_running, state="at the end of an episode or closed")
        self._is_running = False
        replies = self._crew.exchange(orders)
        for reply in replies:
            for event in reply.events:
                assert self._sink is not None, "workers collect events for a sink only"
                self._sink.emit(event)
        for reply in replies:
            if reply.error is not None:
                raise reply.error
        self._is_running = True
        return [reply.value for reply in replies]

    @staticmethod
    def _check(*, is_able: bool, state: str) -> None:
        if not is_able:
            message = f"a population of workers must be running for this, got one that is {state}"
            raise WorkerError(message)


def _check_picklable(**parts: object) -> None:
    """Check what is to be sent to processes.

    Raises:
        ConfigError: If a part is a lambda, a local function or another thing that pickle refuses.
    """
    for name, part in parts.items():
        try:
            ForkingPickler.dumps(part)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            message = f"{name} must survive pickling on its way to a worker, got {part!r}: {error}"
            raise ConfigError(message) from error
