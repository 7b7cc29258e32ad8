"""A damaged event log: each reader tells what is left of it, or refuses it in one line."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from tamiyo.checks.evidence import build_course
from tamiyo.contracts import ArtifactError, DecisionMade, TamiyoError
from tamiyo.recipes import RecordedController
from tamiyo.telemetry import (
    EventDatabase,
    EventScan,
    JsonlSink,
    LiveFollower,
    explain_decision,
    find_course,
    read_courses,
    read_events,
    summarize_run,
    summarize_training,
    tell_run,
)
from tamiyo.ui import (
    LogPublisher,
    StateFeed,
    build_comparison_page,
    build_run_page,
    render_decisions,
    render_explanation,
)
from tamiyo.ui.dashboard.page import build_page, describe_state
from tamiyo.ui.dashboard.view import View
from tamiyo.ui.terminal.symbols import choose_symbols
from tests.support.damage import damaged_bytes, damaged_values, encode_deeply, meet
from tests.support.events import build_one_of_each, build_run

LEARNING = {
    "TrainingStarted", "UpdateCompleted", "AlarmRaised", "CheckpointWritten", "PhasesTimed",
    "TrainingFinished", "EpisodeFinished", "EventsDropped",
}  # fmt: skip
READERS = {}


def reader(function):
    READERS[function.__name__] = function
    return function


@reader
def summarize(log):
    summarize_run(read_events(log).events)


@reader
def summarize_learning(log):
    summarize_training(EventScan(log))


@reader
def report(log):
    story = tell_run(log)
    build_run_page(story)
    build_comparison_page(story, story)


@reader
def publish(log):
    publisher = LogPublisher(log, StateFeed())
    while publisher.step():
        pass


@reader
def watch(log):
    run = LiveFollower(log)
    run.take()
    state = run.freeze()
    describe_state(state)
    console = Console(file=StringIO(), width=80)
    console.print(build_page(state, View(width=80, height=40, symbols=choose_symbols(console))))


@reader
def explain(log):
    course = find_course(EventScan(log), epoch=1)
    console = Console(file=StringIO(), width=80)
    console.print(render_decisions(course))
    for decision in [one for one in course.events if isinstance(one, DecisionMade)][:1]:
        explained = explain_decision(course, epoch=decision.epoch)
        console.print(render_explanation(explained, lambda _: ""))


@reader
def ask(log):
    database = EventDatabase(log)
    database.describe()
    database.query("SELECT * FROM EpochCompleted_host_slots, SeedPruned")
    database.query("SELECT count(*) FROM events")


@reader
def check(log):
    for course in read_courses(EventScan(log), most=4)[0]:
        build_course(course)


@reader
def replay(log):
    RecordedController.from_run(log.parent)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("run") / "events.jsonl"


def write(log, events):
    log.unlink(missing_ok=True)
    with JsonlSink(log) as sink:
        for event in events:
            sink.emit(event)
    return log.read_bytes()


@pytest.fixture(scope="module")
def run(log):
    return write(log, build_run(epochs=16))


@pytest.fixture(scope="module")
def training(log):
    return write(log, [one for one in build_one_of_each() if type(one).__name__ in LEARNING])


def read(log, name, content):
    log.write_bytes(content)
    found = meet(READERS[name], log)
    assert found is None or isinstance(found, TamiyoError)
    assert log.read_bytes() == content
    return found


@st.composite
def damaged_logs(draw, content):
    """Draw a log with one event damaged, lost, repeated or in another place; any kind alike."""
    events = [json.loads(line) for line in content.splitlines()]
    kind = draw(st.sampled_from(sorted({event["event"] for event in events})))
    at = draw(st.sampled_from([n for n, event in enumerate(events) if event["event"] == kind]))
    how = draw(st.sampled_from(["damaged", "damaged", "damaged", "lost", "repeated", "moved"]))
    if how == "damaged":
        events[at] = draw(damaged_values(events[at], most=2))
    else:
        event = events[at] if how == "repeated" else events.pop(at)
        if how != "lost":
            events.insert(draw(st.integers(0, len(events))), event)
    return "".join(f"{json.dumps(event)}\n" for event in events).encode()


@pytest.mark.parametrize("name", [name for name in READERS if name != "summarize_learning"])
def test_the_run_that_is_damaged_is_whole(log, run, name):
    assert read(log, name, run) is None


@pytest.mark.parametrize("name", ["report", "publish", "watch", "ask", "summarize_learning"])
def test_the_training_that_is_damaged_is_whole(log, training, name):
    assert read(log, name, training) is None


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=40)
@given(data=st.data())
def test_damaged_events_are_refused_or_left_out(log, run, name, data):
    read(log, name, data.draw(damaged_logs(run)))


@pytest.mark.parametrize("name", ["report", "publish", "watch", "ask", "summarize_learning"])
@settings(max_examples=40)
@given(data=st.data())
def test_damaged_events_of_learning_are_refused_or_left_out(log, training, name, data):
    read(log, name, data.draw(damaged_logs(training)))


@pytest.mark.parametrize("name", READERS)
@settings(max_examples=25)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_left_out(log, run, name, data):
    read(log, name, data.draw(damaged_bytes(run) | st.binary(max_size=64)))


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("key", [None, "event"])
def test_an_event_nested_too_deep_to_read_is_refused(log, name, key):
    found = read(log, name, encode_deeply(key).encode() + b"\n")
    # Who follows a log counts such a line as damaged and waits for better ones.
    assert (found is None) == (name in {"publish", "watch"})


@pytest.mark.parametrize("digits", [9, 10, 5000])
def test_a_number_too_long_to_read_is_no_schema(log, digits):
    content = b'{"schema": ' + b"9" * digits + b', "time": "", "event": "RunStarted"}\n'
    assert isinstance(read(log, "report", content), ArtifactError)
    assert isinstance(read(log, "ask", content), ArtifactError)


def test_what_is_followed_is_refused_where_it_is_damaged(log, training):
    event = b'{"schema": 3, "time": "", "event": "PhasesTimed", "steps": 1, "seconds": 1.0}\n'
    log.write_bytes(training + event)
    with pytest.raises(ArtifactError, match="seconds of PhasesTimed must be a"):
        LiveFollower(log).take()
