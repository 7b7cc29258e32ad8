"""Spread seeds over processes, a block of neighbors each."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import accumulate, pairwise
from multiprocessing import get_context
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Final, cast

import torch

from tamiyo.contracts import InvariantError
from tamiyo.recipes.comparison.counting import Report
from tamiyo.recipes.comparison.seeds import SeedResults

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["RunBlock", "split_seeds", "spread_seeds"]

RunBlock = Callable[[Sequence[int], Report], list[SeedResults]]
"""Runs seeds and tells how far it is."""

_CONTEXT: Final = get_context("spawn")


def split_seeds(seeds: Sequence[int], workers: int) -> list[Sequence[int]]:
    """Cut seeds into as many blocks of neighbors as there are workers, none of them empty.

    >>> split_seeds(range(5), 2)
    [range(0, 3), range(3, 5)]
    """
    blocks = min(workers, len(seeds))
    sizes = [len(seeds) // blocks + (index < len(seeds) % blocks) for index in range(blocks)]
    return [seeds[start:end] for start, end in pairwise(accumulate(sizes, initial=0))]


def spread_seeds(
    run: RunBlock, seeds: Sequence[int], workers: int, report: Report
) -> list[SeedResults]:
    """Run the seeds in this process, or over several with one torch thread each.

    Leaving it early, as by Ctrl-C, ends the processes at once.

    Args:
        run: Runs a block of them; it must be picklable.
        seeds: The seeds.
        workers: Processes to use.
        report: Told of the work that is done, wherever it is.

    Returns:
        What each seed gave, in their order.

    Raises:
        InvariantError: If a process ended before it was done; it has said why.
    """
    blocks = split_seeds(seeds, workers)
    if len(blocks) == 1:
        return run(blocks[0], report)
    with ExitStack() as stack:
        workplaces = [stack.enter_context(_Workplace(run, block)) for block in blocks]
        while waiting := {p.connection: p for p in workplaces if p.results is None}:
            for ready in wait(list(waiting)):
                waiting[cast("Connection", ready)].receive(report)
        return [result for place in workplaces for result in place.results or ()]


class _Workplace:
    """A process that runs one block; a context manager that ends it."""

    def __init__(self, run: RunBlock, block: Sequence[int]) -> None:
        self.results: list[SeedResults] | None = None
        self.connection, self._theirs = _CONTEXT.Pipe(duplex=False)
        self._process = _CONTEXT.Process(target=_work, args=(run, block, self._theirs))

    def __enter__(self) -> _Workplace:
        self._process.start()
        self._theirs.close()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.join()
        self.connection.close()

    def receive(self, report: Report) -> None:
        """Take one message: more work that is done, or the results.

        Raises:
            InvariantError: If the process ended without results.
            KeyboardInterrupt: If Ctrl-C ended it.
        """
        try:
            message = self.connection.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            if code == -signal.SIGINT:
                raise KeyboardInterrupt from None
            message = f"a process must end with its results, got exit code {code}"
            raise InvariantError(message) from None
        if isinstance(message, float):
            report(message)
        else:
            self.results = message


def _work(run: RunBlock, block: Sequence[int], connection: Connection) -> None:
    """Run a block and send what it gave; leave at once on Ctrl-C: the parent says what happened."""
    torch.set_num_threads(1)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    connection.send(run(block, connection.send))
