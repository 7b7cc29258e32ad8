"""``tamiyo watch`` as a command: what it prints, and how it ends."""

from __future__ import annotations

import signal
import subprocess
import sys

from tamiyo.telemetry import JsonlSink
from tests.support.commands import call
from tests.support.events import build_run
from tests.support.live import build_half_a_run


def write(folder, events):
    with JsonlSink(folder / "events.jsonl") as sink:
        for event in events:
            sink.emit(event)


def test_a_finished_run_is_told_in_a_line(capsys, tmp_path):
    write(tmp_path, build_run())
    code, out, err = call(capsys, "watch", tmp_path)
    assert (code, err) == (0, "")
    assert out.startswith("finished; 60 of 60 epochs (100%)")
    assert out.count("\n") == 1


def test_a_damaged_log_of_another_version_is_refused_in_one_line(capsys, tmp_path):
    (tmp_path / "events.jsonl").write_text('{"schema": 1, "event": "RunStarted"}\n')
    code, _, err = call(capsys, "watch", tmp_path)
    assert code == 2
    assert err.count("\n") == 1
    assert "schema must be 3, got 1" in err


def test_somebody_who_has_seen_enough_ends_it_without_a_fault(tmp_path):
    write(tmp_path, build_half_a_run())
    words = [sys.executable, "-m", "tamiyo", "watch", tmp_path]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            assert process.stdout.readline().startswith(b"running; 30 of 60 epochs")
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, err) == (0, b"")
