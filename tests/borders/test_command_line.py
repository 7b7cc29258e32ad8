"""Nonsense on the command line: exit code 2 and one line, and nothing on disk is touched."""

from __future__ import annotations

import io
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tamiyo.cli import main
from tests.support.damage import snapshot

COMMANDS = [
    "grow", "train", "compare", "evaluate", "describe", "calibrate", "check", "watch", "serve",
    "report", "explain", "replay", "query",
]  # fmt: skip
WORDS = st.one_of(
    st.sampled_from(
        ["--seed", "--epochs", "--task", "--out", "--json", "--rounds", "--ppo.gamma", "--input",
         "--network.hidden", "--slots", "--seeds", "--port", "--rows", "--env", "--host", "-1",
         "0", "1e999", "nan", "9" * 5000, "=", "--=", "--seed=", "--task=digits", "-x", "[red]",
         "\x1b[2J", "a\nb", "\udcff", "\u202e", "../../etc/passwd", "x" * 5000, "None", "1,2", "{}"]
    ),
    st.text(max_size=8),
)  # fmt: skip


def call(*words):
    """Run a command; return its exit code and what it wrote to stderr."""
    with redirect_stderr(io.StringIO()) as told, redirect_stdout(io.StringIO()):
        code = main([str(word) for word in words])
    return code, told.getvalue()


def check_refused(*words):
    code, told = call(*words)
    assert code == 2, told
    assert told.startswith("tamiyo: ")
    assert told.count("\n") == 1
    assert "Traceback" not in told
    return told


@pytest.mark.parametrize("command", COMMANDS)
@settings(max_examples=15)
@given(words=st.lists(WORDS.filter(lambda word: word not in {"-h", "--help"}), max_size=5))
@example(words=["--seed", "9" * 5000])
@example(words=["\udcff"])
def test_nonsense_with_an_unknown_option_is_refused_in_one_line(command, words):
    words = [word for word in words if word != "--"]
    check_refused(command, *words, "--no-such-option", "1")


@settings(max_examples=60)
@given(command=st.text(max_size=12).filter(lambda word: word not in {"", "-h", *COMMANDS}))
def test_an_unknown_command_is_refused_in_one_line(command):
    assert "command must be one of" in check_refused(command)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """Make places where no run is: name to path."""
    root = tmp_path_factory.mktemp("places")
    (root / "folder").mkdir()
    (root / "empty.jsonl").write_bytes(b"")
    (root / "text.safetensors").write_bytes(b"text")
    (root / "text.toml").write_bytes(b"\xff\xfe")
    (root / "loop").symlink_to("loop")
    (root / "a\nb\x1b[2J").mkdir()
    found = {path.name: path for path in root.iterdir()}
    return found | {
        "missing": root / "missing",
        "long": root / ("x" * 5000),
        "below a file": root / "text.toml" / "run",
        "bytes": Path(os.fsdecode(os.fsencode(root) + b"/\xff")),
    }


PLACES = ["folder", "empty.jsonl", "text.safetensors", "text.toml", "loop", "a\nb\x1b[2J",
          "missing", "long", "below a file", "bytes"]  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    "words",
    [
        ["report", "{}"], ["explain", "{}"], ["replay", "{}"], ["check", "{}"],
        ["query", "{}", "SELECT 1 FROM nowhere"], ["evaluate", "{}"], ["train", "--resume", "{}"],
        ["evaluate", "--task", "digits-cnn", "--network", "{}"],
        ["train", "--env", "surrogate-tiny", "--out", "{}/never", "--start", "{}"],
        ["grow", "--out", "{}/never", "--controller", "schedule:{}"],
        ["grow", "--out", "{}/never", "--controller", "learned:{}"],
        ["grow", "--out", "{}/never", "--controller", "{}"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_path_that_leads_to_no_run_is_refused_in_one_line(places, words, place):
    root = places["folder"].parent
    before = snapshot(root)
    check_refused(*(word.replace("{}", str(places[place])) for word in words))
    assert snapshot(root) == before


@pytest.mark.parametrize("command", ["watch", "serve"])
@pytest.mark.parametrize("place", ["long", "loop", "below a file"])
def test_what_waits_for_a_run_refuses_where_none_can_come(places, command, place):
    check_refused(command, places[place])


@pytest.mark.parametrize(
    "shape",
    ["9" * 5000, "1000000,1000000", "268435457", "0", "-1", "2,,3", "", "\u0663,\u00b2", "1e3"],
)
def test_an_example_is_not_drawn_at_an_absurd_size(shape):
    words = ["describe", "host", "--module", "torch.nn:Identity", f"--input={shape}"]
    assert "numbers in all" in check_refused(*words)


@pytest.mark.parametrize(
    "module", ["json:loads", "os:abort.x", "nowhere:f", "a b:c", ":", "json:", "tamiyo:"]
)
def test_a_host_that_is_none_is_refused(module):
    check_refused("describe", "host", "--module", module, "--input", "2,3")


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--env", "surrogate", "--envs", str(10**9)],
        ["train", "--env", "surrogate", "--network.hidden", str(10**9)],
        ["compare", "--task", "digits-canvas", "--seeds", str(10**12)],
        ["calibrate", "--task", "digits-canvas", "--seeds", str(10**12)],
        ["describe", "observation", "--slots", str(10**9)],
    ],
)
def test_absurd_sizes_are_refused(words, tmp_path):
    check_refused(*(word.replace("{}", str(tmp_path)) for word in words))
