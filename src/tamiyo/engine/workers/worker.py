"""One worker process as its owner sees it: lost processes are replaced and catch up."""

from __future__ import annotations

import logging
import signal
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import WorkerError
from tamiyo.engine.workers.messages import Begin, Crash, Order, Reply, Request, Step
from tamiyo.engine.workers.process import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.engine.workers.shard import Assignment

__all__ = ["Worker"]

_LOGGER: Final = logging.getLogger(__name__)

_MOST_LOSSES: Final = 3
"""Processes that may be lost over one order before it is given up."""

_FAREWELL_SECONDS: Final = 10.0
"""How long a process may take to end by itself."""


class Worker:
    """Carries out orders in a process of its own, whatever becomes of that process.

    Orders are carried out one at a time: :meth:`send`, then :meth:`receive`. The process is started
    at once.

    Args:
        assignment: What it works on.
    """

    def __init__(self, assignment: Assignment) -> None:
        self._assignment = assignment
        self._journal: list[Order] = []
        self._order: Order | None = None
        self._losses = 0
        self._report = ""
        self._start()

    @property
    def process_id(self) -> int:
        """Id of the process that does the work now."""
        assert self._process.pid is not None, "it was started"
        return self._process.pid

    def send(self, order: Order) -> None:
        """Have an order carried out; :meth:`receive` gives the answer."""
        self._order = order
        self._losses = 0
        self._dispatch(Request(order=order))

    def receive(self) -> Reply:
        """Wait for the answer to the last order.

        If the process ends without one, a new one does again what the episode had brought so far
        and then the order.

        Raises:
            WorkerError: If three processes end over the same order.
        """
        while True:
            try:
                message = self._connection.recv()
            except (EOFError, OSError):
                self._replace()
                continue
            if isinstance(message, Reply):
                self._note_done(message)
                return message
            assert isinstance(message, Crash), "a worker sends replies and last words only"
            self._report = message.report

    def dismiss(self, *, at_once: bool) -> None:
        """Let the process end; :meth:`join` waits for it.

        Args:
            at_once: Whether to end it in the middle of what it is doing.
        """
        self._connection.close()
        if at_once:
            self._process.kill()

    def join(self) -> None:
        """Wait for the end of a dismissed process, ten seconds at most, then end it."""
        self._process.join(_FAREWELL_SECONDS)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def restart(self) -> None:
        """Replace the process by one that knows nothing."""
        self.dismiss(at_once=True)
        self.join()
        self._journal.clear()
        self._start()

    def _start(self) -> None:
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        rows = self._assignment.rows
        self._process = context.Process(
            target=serve,
            args=(theirs, self._assignment),
            name=f"tamiyo-environments-{rows.start}-{rows.stop - 1}",
            daemon=True,
        )
        with _holding_interrupts():
            self._process.start()
        # With this end open here, the end of the process would not end the pipe.
        theirs.close()

    def _dispatch(self, request: Request) -> None:
        # A process that is gone is noticed where its answer is missed.
        with suppress(OSError):
            self._connection.send(request)

    def _note_done(self, reply: Reply) -> None:
        order = self._order
        assert order is not None, "an answer follows an order"
        if isinstance(order, Begin):
            self._journal.clear()
        elif isinstance(order, Step):
            order = order.keep(self._assignment.action_rows)
        if reply.error is None:
            self._journal.append(order)

    def _replace(self) -> None:
        self.dismiss(at_once=False)
        self.join()
        self._losses += 1
        if self._losses == _MOST_LOSSES:
            raise WorkerError(self._describe_losses())
        _LOGGER.warning("%s; a new process does it again", self._describe_losses())
        self._start()
        assert self._order is not None, "an answer is awaited after an order"
        history = () if isinstance(self._order, Begin) else tuple(self._journal)
        self._dispatch(Request(order=self._order, history=history))

    def _describe_losses(self) -> str:
        rows, done = self._assignment.rows, self._journal
        steps = sum(isinstance(order, Step) for order in done)
        cause = self._report or f"exit code {self._process.exitcode}"
        return (
            f"the process of environments {rows.start} to {rows.stop - 1} must survive "
            f"{type(self._order).__name__} after {steps} steps, got {self._losses} "
            f"{'loss' if self._losses == 1 else 'losses in a row'}; the last one: {cause}"
        )


@contextmanager
def _holding_interrupts() -> Iterator[None]:
    """Keep interrupts from the keyboard for later; a process started here never gets them.

    Until it runs our code, it could not refuse them itself. Where there are no signal masks, that
    moment stays open.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
