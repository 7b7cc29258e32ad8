"""All workers of a population, with the memory they share."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from tamiyo.contracts import Head
from tamiyo.engine.batched import ask_for_equal_bits
from tamiyo.engine.workers.shard import Assignment, Build, Encoding
from tamiyo.engine.workers.shared_arrays import ArrayField, SharedArrays
from tamiyo.engine.workers.worker import Worker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tamiyo.engine.workers.messages import Order, Reply

__all__ = ["Crew"]


class Crew:
    """Workers that each carry out one order at the same time as the others.

    Args:
        build: Builds the population of some keys.
        shards: The environments of each worker.
        encoding: What workers make of their results; ``None`` for nothing.
        wants_events: Whether events are collected.
    """

    def __init__(
        self,
        build: Build,
        shards: Sequence[range],
        *,
        encoding: Encoding | None,
        wants_events: bool,
    ) -> None:
        environments = shards[-1].stop
        heads = ArrayField(name="actions", shape=(len(Head),), dtype="int64")
        self._actions = SharedArrays.create([heads], environments)
        self._arrays = SharedArrays.create(encoding.fields if encoding else (), environments)
        self._is_settled = True
        self._workers: list[Worker] = []
        try:
            for rows in shards:
                assignment = Assignment(
                    build=build,
                    rows=rows,
                    actions=self._actions,
                    encoding=encoding,
                    arrays=self._arrays,
                    wants_events=wants_events,
                    flushes_denormals=_is_flushing_denormals(),
                    has_equal_bits=ask_for_equal_bits(),
                )
                self._workers.append(Worker(assignment))
        except BaseException:
            self.close()
            raise

    @property
    def process_ids(self) -> list[int]:
        """Ids of the workers' processes, in the order of their environments."""
        return [worker.process_id for worker in self._workers]

    @property
    def actions(self) -> NDArray[np.int64]:
        """Where rows of choices are left for the workers, shape ``[environments, heads]``."""
        return self._actions.views["actions"]

    @property
    def arrays(self) -> Mapping[str, NDArray[Any]]:
        """Where the workers leave their encoded results."""
        return self._arrays.views

    @property
    def block_names(self) -> list[str]:
        """Names of the blocks of shared memory."""
        return [self._actions.name, self._arrays.name]

    def exchange(self, orders: Sequence[Order]) -> list[Reply]:
        """Give every worker an order and wait for all answers.

        Args:
            orders: One per worker.

        Raises:
            WorkerError: If a worker is lost again and again.
        """
        self._is_settled = False
        for worker, order in zip(self._workers, orders, strict=True):
            worker.send(order)
        replies = [worker.receive() for worker in self._workers]
        self._is_settled = True
        return replies

    def settle(self) -> None:
        """Make sure that no answer is outstanding: after an interrupted exchange, start afresh."""
        if not self._is_settled:
            for worker in self._workers:
                worker.restart()
            self._is_settled = True

    def close(self) -> None:
        """End every process and remove the shared memory.

        Processes that are in the middle of something, because their owner was interrupted, are
        ended there.
        """
        for worker in self._workers:
            worker.dismiss(at_once=not self._is_settled)
        for worker in self._workers:
            worker.join()
        self._workers.clear()
        self._actions.unlink()
        self._arrays.unlink()


def _is_flushing_denormals() -> bool:
    # PyTorch can set this mode of the processor but not tell it.
    return sys.float_info.min / 2 == 0.0
