from __future__ import annotations

import signal
import sys

import pytest
import torch

from tamiyo.contracts import ConfigError
from tamiyo.engine.workers.messages import Begin, Crash, Judge, Request, Step
from tamiyo.engine.workers.process import serve
from tests.support.shards import Ailing, build_shard, list_commands, make_assignment
from tests.support.tasks import ListSink

KEYS = ((0, 3), (0, 4))
BEGIN = Begin(keys=KEYS)


class Pipe:
    """One end of a pipe: what will be received, then its end; what was sent, up to some message."""

    def __init__(self, *requests, capacity=99):
        self.requests, self.sent, self.capacity = list(requests), [], capacity

    def recv(self):
        if not self.requests:
            raise EOFError
        return self.requests.pop(0)

    def send(self, message):
        if len(self.sent) == self.capacity:
            raise BrokenPipeError
        self.sent.append(message)


@pytest.fixture(autouse=True)
def this_process():
    before = signal.getsignal(signal.SIGINT), torch.get_num_threads()
    yield
    signal.signal(signal.SIGINT, before[0])
    torch.set_num_threads(before[1])
    torch.set_flush_denormal(False)


def run(*requests, capacity=99, **settings):
    pipe = Pipe(*requests, capacity=capacity)
    with make_assignment(range(2), encoding=None, **settings) as assignment:
        serve(pipe, assignment)
    return pipe


def order_step(epoch):
    return Step(commands=tuple(list_commands(KEYS, epoch)), wants_results=True)


def test_every_request_is_answered_until_the_pipe_ends():
    sink = ListSink()
    population = build_shard(KEYS, sink)
    pipe = run(Request(order=BEGIN), Request(order=order_step(0)), Request(order=Judge()))
    step = population.step(list_commands(KEYS, 0))
    assert [reply.value for reply in pipe.sent] == [population.initial, step, population.judge()]
    assert [event for reply in pipe.sent for event in reply.events] == sink.events


def test_history_is_repeated_in_silence():
    whole = run(*[Request(order=order) for order in (BEGIN, order_step(0), order_step(1))])
    late = run(Request(order=order_step(1), history=(BEGIN, order_step(0))))
    assert late.sent == whole.sent[2:]


def test_a_refusal_is_an_answer_with_its_traceback(tmp_path):
    build = Ailing(tmp_path, ("step 0",), harm="refuse")
    pipe = run(
        Request(order=BEGIN), Request(order=order_step(0)), Request(order=BEGIN), build=build
    )
    error = pipe.sent[1].error
    assert isinstance(error, ConfigError)
    assert "AilingPopulation" not in str(error)
    assert "in step" in error.__notes__[0]
    assert pipe.sent[2].error is None


def test_any_other_error_ends_the_process_after_its_last_words(tmp_path):
    pipe = Pipe(Request(order=BEGIN), Request(order=order_step(0)), Request(order=BEGIN))
    build = Ailing(tmp_path, ("step 0",), harm="fail")
    with (
        make_assignment(range(2), build=build) as assignment,
        pytest.raises(RuntimeError, match="on fire"),
    ):
        serve(pipe, assignment)
    assert len(pipe.sent) == 2
    assert isinstance(pipe.sent[1], Crash)
    assert "RuntimeError: the host is on fire" in pipe.sent[1].report


def test_an_owner_that_is_gone_ends_the_process_quietly():
    pipe = run(*[Request(order=BEGIN)] * 3, capacity=1)
    assert len(pipe.sent) == 1
    assert len(pipe.requests) == 1


def test_the_process_ignores_interrupts_and_has_one_thread():
    torch.set_num_threads(2)
    run()
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize("flushes", [False, True])
def test_denormal_numbers_are_what_they_are_for_the_owner(flushes):
    run(flushes_denormals=flushes)
    assert (sys.float_info.min / 2 == 0.0) == flushes
