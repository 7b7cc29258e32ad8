"""``tamiyo serve`` as a user calls it."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
import webbrowser
from contextlib import contextmanager

import pytest

from tamiyo.cli import main
from tamiyo.telemetry import JsonlSink
from tamiyo.ui import LogPublisher
from tests.support.commands import call
from tests.support.events import build_run

PATIENCE_SECONDS = 60


@pytest.fixture
def run_folder(tmp_path):
    with JsonlSink(tmp_path / "events.jsonl") as sink:
        for event in build_run(epochs=4, is_finished=False):
            sink.emit(event)
    return tmp_path


@contextmanager
def serving(*words):
    """Run the command in a process of its own; yield it and the address it printed."""
    command = [sys.executable, "-m", "tamiyo", "serve", *map(str, words)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            lines = iter(process.stdout.readline, "")
            yield process, next(line.strip() for line in lines if "http://" in line)
        finally:
            process.kill()


def fetch_state(address):
    with urllib.request.urlopen(f"{address}state.json", timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


def test_a_run_is_served_until_ctrl_c(run_folder):
    with serving(run_folder, "--port", 0) as (process, address):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", address)
        assert process.stdout.readline() + process.stdout.readline() == "\nCtrl-C ends it\n"
        assert fetch_state(address)["state"]["done"] == 4
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert (process.returncode, err) == (0, "")
    assert out.endswith("no longer shown\n")


def test_ctrl_c_does_not_wait_for_viewers(run_folder):
    with (
        serving(run_folder, "--port", 0) as (process, address),
        urllib.request.urlopen(f"{address}stream", timeout=PATIENCE_SECONDS) as stream,
    ):
        assert stream.readline() == b"retry: 1000\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 0


def test_a_token_file_keeps_the_address(run_folder, tmp_path):
    addresses = []
    for _ in range(2):
        words = ("--port", 0, "--token-file", tmp_path / "token")
        with serving(run_folder, *words) as (_, address):
            addresses.append(address.split("/")[3])
    assert addresses[0] == addresses[1]


def test_a_run_that_is_not_there_yet_is_waited_for(tmp_path):
    with serving(tmp_path / "later", "--port", 0) as (process, address):
        assert "later/events.jsonl is not there yet" in "".join(
            process.stdout.readline() for _ in range(2)
        )
        assert fetch_state(address)["log"]["is_there"] is False


def test_a_busy_port_is_refused_in_one_line(capsys, run_folder):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, out, err = call(capsys, "serve", run_folder, "--port", port)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert f"got {port}: Address already in use; choose another with --port" in err


@pytest.mark.parametrize(("port", "rule"), [(-1, "at least 0"), (65_536, "at most 65535")])
def test_what_is_no_port_is_refused(capsys, run_folder, port, rule):
    code, _, err = call(capsys, "serve", run_folder, "--port", port)
    assert (code, err) == (2, f"tamiyo: port must be {rule}, got {port}\n")


def test_a_log_of_another_version_is_refused(capsys, tmp_path):
    (tmp_path / "events.jsonl").write_text('{"schema": 2, "event": "RunStarted"}\n')
    code, _, err = call(capsys, "serve", tmp_path, "--port", 0)
    assert code == 2
    assert "schema must be 3, got 2" in err


def stop_at_once(_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("has_browser", [True, False])
def test_the_page_is_opened_if_asked(capsys, monkeypatch, run_folder, has_browser):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or has_browser)
    monkeypatch.setattr(LogPublisher, "follow", stop_at_once)
    assert main(["serve", str(run_folder), "--port", "0", "--open"]) == 0
    out = capsys.readouterr().out
    assert opened[0] in out
    assert ("no browser could be opened" in out) is not has_browser


def test_help_says_how_it_is_used(capsys):
    code, out, _ = call(capsys, "serve", "--help")
    assert code == 0
    assert "--token-file" in out
    assert "ssh -L" in out
