"""RunWatcher: a log that grows, is torn, is replaced, or ends."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
import threading
from dataclasses import replace

import pytest
from rich.console import Console

from tamiyo.contracts import EVENT_SCHEMA, ArtifactError, TrainingFinished, encode_event
from tamiyo.ui.dashboard import RunWatcher
from tests.support.events import build_run
from tests.support.live import build_half_a_run, build_training


@pytest.fixture
def log(tmp_path):
    return tmp_path / "events.jsonl"


def write(log, events, end="\n"):
    lines = [json.dumps({"schema": EVENT_SCHEMA, **encode_event(event)}) for event in events]
    with log.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + end)


def watch_plainly(log):
    out = io.StringIO()
    RunWatcher(log, Console(file=out, width=80)).print_lines(until_end=True)
    return out.getvalue().splitlines()


def test_a_finished_run_is_one_line(log):
    write(log, build_run())
    (line,) = watch_plainly(log)
    assert line.startswith(
        "finished; 60 of 60 epochs (100%); digits-cnn, epoch 60 of 60, rollbacks: 1; "
    )


def test_a_log_that_does_not_exist_yet_is_waited_for(log):
    later = threading.Timer(0.4, write, (log, build_run()))
    later.start()
    lines = watch_plainly(log)
    later.join()
    assert lines[0] == "waiting for the first event"
    assert lines[-1].startswith("finished")


def test_what_a_killed_writer_left_is_named_and_the_rest_is_shown(log):
    events = build_run()
    write(log, events[:5], end="\n" + '{"schema": 3, "event": "Epo\n')
    write(log, events[5:])
    (line,) = watch_plainly(log)
    assert line.startswith("finished")
    assert line.endswith("1 damaged lines left out, the first is line 6")


def test_a_torn_last_line_is_named(log):
    write(log, build_run(), end='\n{"schema": 3, "ev')
    (line,) = watch_plainly(log)
    assert line.endswith("it is being written, or its writer is gone")


def test_a_log_of_another_version_is_refused(log):
    log.write_text('{"schema": 2, "event": "RunStarted"}\n', encoding="utf-8")
    with pytest.raises(ArtifactError, match="schema must be 3, got 2"):
        watch_plainly(log)


def _type_until(terminal, has_ended):
    """Press space and q now and then: what was typed before the terminal is ready is lost."""
    while not has_ended.wait(0.1):
        os.write(terminal, b" q")


def test_a_terminal_is_filled_until_q_is_pressed_and_left_as_it_was(log, monkeypatch):
    write(log, build_half_a_run())
    ours, theirs = pty.openpty()
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True)
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        has_ended = threading.Event()
        typist = threading.Thread(target=_type_until, args=(ours, has_ended))
        typist.start()
        RunWatcher(log, console).show(until_end=False)
        has_ended.set()
        typist.join()
    os.close(ours)
    shown = out.getvalue()
    assert "host" in shown
    assert "r0c1" in shown
    assert shown.index("\x1b[?1049h") < shown.index("\x1b[?1049l")
    assert shown.rstrip().endswith("r0c2 training")


def test_a_terminal_is_left_when_the_run_is_over_if_that_was_asked_for(log, monkeypatch):
    write(log, build_run())
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True)
    RunWatcher(log, console).show(until_end=True)
    assert "finished" in out.getvalue()


def test_a_stop_where_a_portion_of_a_long_log_ends_is_not_the_end_of_it(log, monkeypatch):
    start, update, *_ = build_training()
    stop = TrainingFinished(updates=1, steps=1_600, interrupted=True)
    write(log, [start, update])
    filler = {"schema": EVENT_SCHEMA, "event": "SomethingNew", "text": ""}
    with log.open("a", encoding="utf-8") as file:
        for length in (1 << 20, (1 << 20) - 8 - len(json.dumps(filler))):
            file.write(json.dumps({**filler, "text": "x" * length}) + "\n")
    write(log, [stop, start, update, replace(stop, interrupted=False)])
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    out = io.StringIO()
    console = Console(file=out, width=80, height=24, force_terminal=True)
    RunWatcher(log, console).show(until_end=True)
    assert "finished; " in out.getvalue()
