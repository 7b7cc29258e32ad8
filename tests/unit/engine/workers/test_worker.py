from __future__ import annotations

import os
import signal
import threading
from multiprocessing import active_children

import numpy as np
import pytest

from tamiyo.contracts import WorkerError
from tamiyo.engine.workers.messages import Begin, BeginClosing, Judge, Step
from tamiyo.engine.workers.worker import Worker, _holding_interrupts
from tests.support.shards import (
    Ailing,
    build_shard,
    list_actions,
    list_commands,
    make_assignment,
    wait_until,
)
from tests.support.tasks import ListSink

KEYS = ((0, 3), (0, 4))
OTHER_KEYS = ((1, 3), (1, 4))
ROWS = range(2)


@pytest.fixture(scope="module")
def assignment():
    with make_assignment(ROWS) as assignment:
        yield assignment


@pytest.fixture(scope="module")
def worker(assignment):
    worker = Worker(assignment)
    yield worker
    worker.dismiss(at_once=False)
    worker.join()


def ask(worker, order):
    worker.send(order)
    reply = worker.receive()
    assert reply.error is None
    return reply


def order_step(epoch, keys=KEYS):
    return Step(commands=tuple(list_commands(keys, epoch)), wants_results=True)


def test_orders_are_carried_out_in_another_process(worker):
    population = build_shard(KEYS, ListSink())
    assert worker.process_id != os.getpid()
    assert ask(worker, Begin(keys=KEYS)).value == population.initial
    for epoch in range(2):
        expected = population.step(list_commands(KEYS, epoch))
        assert ask(worker, order_step(epoch)).value == expected
    assert ask(worker, Judge()).value == population.judge()


@pytest.mark.slow
def test_a_process_that_was_killed_is_replaced_and_told_of(worker, caplog):
    ask(worker, Begin(keys=KEYS))
    assert caplog.messages == []
    os.kill(worker.process_id, signal.SIGKILL)
    ask(worker, order_step(0))
    assert caplog.messages == [
        "the process of environments 0 to 1 must survive Step after 0 steps, got 1 loss; "
        "the last one: exit code -9; a new process does it again"
    ]


def test_a_process_that_was_killed_is_replaced_and_catches_up(worker, assignment):
    sink = ListSink()
    population = build_shard(KEYS, sink)
    events = list(ask(worker, Begin(keys=KEYS)).events)
    for epoch in range(5):
        assignment.actions.views["actions"][ROWS] = list_actions(KEYS, epoch)
        if epoch == 3:
            process_id = worker.process_id
            os.kill(process_id, signal.SIGKILL)
        # Commands, and choices that the next step overwrites in shared memory.
        order = Step(commands=None, wants_results=True) if epoch % 2 else order_step(epoch)
        reply = ask(worker, order)
        assert reply.value == population.step(list_commands(KEYS, epoch))
        events.extend(reply.events)
    assert worker.process_id != process_id
    population.begin_closing()
    events.extend(ask(worker, BeginClosing()).events)
    os.kill(worker.process_id, signal.SIGKILL)
    assert ask(worker, Judge()).value == population.judge()
    assert events == sink.events


@pytest.mark.slow
def test_an_episode_begun_after_a_loss_knows_nothing_of_the_one_before(worker, assignment):
    ask(worker, Begin(keys=KEYS))
    ask(worker, order_step(0))
    os.kill(worker.process_id, signal.SIGKILL)
    population = build_shard(OTHER_KEYS, ListSink())
    assert ask(worker, Begin(keys=OTHER_KEYS)).value == population.initial
    losses = [result.measured.control_loss for result in population.initial]
    assert np.array_equal(assignment.arrays.views["loss"][ROWS], losses)


@pytest.mark.slow
def test_a_restarted_worker_waits_for_an_episode(worker):
    ask(worker, Begin(keys=KEYS))
    worker.send(order_step(0))
    before = worker.process_id
    worker.restart()
    assert worker.process_id != before
    population = build_shard(KEYS, ListSink())
    assert ask(worker, Begin(keys=KEYS)).value == population.initial


@pytest.mark.slow
def test_an_order_no_process_survives_is_given_up_with_the_last_words(tmp_path):
    build = Ailing(tmp_path, ("step 0",), times=99, harm="fail")
    with make_assignment(ROWS, build=build) as assignment:
        worker = Worker(assignment)
        ask(worker, Begin(keys=KEYS))
        worker.send(order_step(0))
        expected = r"environments 0 to 1 must survive Step after 0 steps, got 3 losses in a row"
        with pytest.raises(WorkerError, match=f"(?s){expected}.*RuntimeError: the host is on fire"):
            worker.receive()
        assert build.count() == 3
        worker.dismiss(at_once=False)
        worker.join()


def test_a_dismissed_worker_ends(tmp_path):
    with make_assignment(ROWS, build=Ailing(tmp_path, ("build",), harm="dawdle")) as assignment:
        worker = Worker(assignment)
        worker.send(Begin(keys=KEYS))
        wait_until(lambda: any(tmp_path.iterdir()))
        before = len(active_children())
        worker.dismiss(at_once=True)
        worker.join()
        assert len(active_children()) == before - 1


@pytest.fixture
def interrupts():
    received = []
    before = signal.signal(signal.SIGINT, lambda *_: received.append(True))
    yield received
    signal.signal(signal.SIGINT, before)


def test_interrupts_are_held_and_not_lost(interrupts):
    with _holding_interrupts():
        signal.pthread_kill(threading.get_ident(), signal.SIGINT)
        assert interrupts == []
    assert interrupts == [True]


def test_interrupts_come_through_where_they_cannot_be_held(interrupts, monkeypatch):
    monkeypatch.delattr(signal, "pthread_sigmask")
    with _holding_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupts == [True]
