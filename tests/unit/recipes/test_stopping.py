from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress

import pytest

from tamiyo.recipes import StopRequest

SIGNALS = [signal.SIGINT, signal.SIGTERM]


def test_nobody_asked_for_a_stop_at_first():
    with StopRequest() as stop:
        assert not stop()


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_is_a_wish(number):
    with StopRequest() as stop:
        os.kill(os.getpid(), number)
        assert stop()


@pytest.mark.parametrize("second", SIGNALS)
@pytest.mark.parametrize("first", SIGNALS)
def test_the_second_signal_interrupts_at_once_whichever_it_is(first, second):
    with StopRequest() as stop:
        os.kill(os.getpid(), first)
        assert stop()
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), second)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_second_signal_whose_interrupt_is_dropped_interrupts_at_the_next_question(number):
    with StopRequest() as stop:
        os.kill(os.getpid(), number)
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), number)
        with pytest.raises(KeyboardInterrupt):
            stop()


def test_leaving_puts_the_old_handlers_back():
    before = [signal.getsignal(number) for number in SIGNALS]
    with StopRequest():
        os.kill(os.getpid(), signal.SIGTERM)
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_another_reason_to_stop_counts_as_well():
    with StopRequest(lambda: True) as stop:
        assert stop()


def test_in_another_thread_signals_are_left_alone():
    before = signal.getsignal(signal.SIGINT)
    seen = []

    def listen():
        with StopRequest() as stop:
            seen.append((stop(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
