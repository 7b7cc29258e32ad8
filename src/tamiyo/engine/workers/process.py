"""What runs in a worker's process: requests in, replies out, until the pipe ends."""

from __future__ import annotations

import signal
import traceback
from typing import TYPE_CHECKING

import torch

from tamiyo.contracts import TamiyoError
from tamiyo.engine.batched import ask_for_equal_bits
from tamiyo.engine.workers.messages import Crash, Reply, Request
from tamiyo.engine.workers.shard import Assignment, Shard

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

__all__ = ["serve"]


def serve(connection: Connection, assignment: Assignment) -> None:
    """Answer requests until the other side of the pipe is closed or gone.

    An interrupt from the keyboard reaches every process of a terminal; only the parent heeds it.

    Args:
        connection: The pipe to the parent.
        assignment: What to work on.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    ask_for_equal_bits(wanted=assignment.has_equal_bits)
    torch.set_flush_denormal(assignment.flushes_denormals)
    try:
        _answer_all(connection, Shard(assignment))
    except Exception:
        _send(connection, Crash(report=traceback.format_exc()))
        raise


def _answer_all(connection: Connection, shard: Shard) -> None:
    while True:
        try:
            request = connection.recv()
        except (EOFError, OSError):
            break
        if not _send(connection, _answer(shard, request)):
            break
    shard.close()


def _answer(shard: Shard, request: Request) -> Reply:
    value, error = None, None
    try:
        for past in request.history:
            shard.execute(past)
            shard.take_events()
        value = shard.execute(request.order)
    except TamiyoError as refusal:
        refusal.add_note(f"In a worker process:\n{traceback.format_exc()}")
        error = refusal
    return Reply(value=value, events=shard.take_events(), error=error)


def _send(connection: Connection, message: Reply | Crash) -> bool:
    """Send, and say whether somebody is still there to receive."""
    try:
        connection.send(message)
    except ConnectionError:
        return False
    return True
