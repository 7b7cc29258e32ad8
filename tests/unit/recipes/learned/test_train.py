"""Training with a folder: what is kept, and going on as if nothing had happened."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from tamiyo.contracts import (
    ArtifactError,
    EventsDropped,
    NullSink,
    TrainingFinished,
    TrainingStarted,
    UpdateCompleted,
)
from tamiyo.environment import SurrogateConfig
from tamiyo.learning import TrainerConfig
from tamiyo.policy import NetworkConfig
from tamiyo.recipes import load_training, resume_training, run_folder, train_controller
from tamiyo.recipes.learned import train as learned_train
from tamiyo.recipes.learned.config import TrainConfig
from tamiyo.telemetry import JsonlSink, MemorySink, read_events, summarize_training
from tamiyo.telemetry.exporting import exports

CONFIG = TrainConfig(
    envs=4,
    checkpoint_updates=2,
    learner=TrainerConfig(
        total_steps=240,
        rollout_steps=10,
        network=NetworkConfig(hidden=8, slot_hidden=4),
    ),
    surrogate=SurrogateConfig(slots=2, max_epochs=18),
)
"""Six updates; rollouts cut episodes of 13 decisions."""


def train(path, config=CONFIG, **options):
    return train_controller(config, path, sink=NullSink(), **options)


def stop_after(updates, *, steps=0):
    """Ask for a stop when so many updates, and steps after them, have been made."""
    questions = iter(range(1000))
    return lambda: next(questions) >= 10 * updates + steps


def read_updates(result):
    lines = result.folder.events.read_text().splitlines()
    events = [json.loads(line) for line in lines]
    return [event["report"] for event in events if event["event"] == "UpdateCompleted"]


def test_a_training_leaves_its_configuration_record_and_checkpoint(tmp_path):
    sink = MemorySink()
    result = train_controller(CONFIG, tmp_path / "run", sink=sink)
    assert (result.updates, result.steps, result.interrupted) == (6, 240, False)
    assert load_training(tmp_path / "run")[0] == CONFIG
    assert result.folder.checkpoint.exists()
    assert isinstance(sink.events[0], TrainingStarted)
    assert isinstance(sink.events[-1], TrainingFinished)
    summary = summarize_training(read_events(result.folder.events).events)
    assert summary.is_finished
    assert summary.env_id == "tamiyo/Surrogate-v0"


@pytest.mark.parametrize(("updates", "steps"), [(0, 0), (0, 4), (1, 0), (2, 9), (5, 1)])
def test_stopped_and_resumed_is_as_if_it_had_not_been_stopped(tmp_path, updates, steps):
    whole = train(tmp_path / "whole")
    stopped = train(tmp_path / "parts", should_stop=stop_after(updates, steps=steps))
    assert (stopped.updates, stopped.interrupted) == (updates, True)
    resumed = resume_training(tmp_path / "parts", sink=NullSink())
    assert not resumed.interrupted
    assert resumed.folder.checkpoint.read_bytes() == whole.folder.checkpoint.read_bytes()
    assert read_updates(resumed) == read_updates(whole)


def test_every_step_of_the_environments_is_told(tmp_path):
    told = []
    train(tmp_path / "run", should_stop=stop_after(1, steps=3), on_step=told.append)
    assert told == list(range(4, 53, 4))
    resume_training(tmp_path / "run", sink=NullSink(), on_step=told.append)
    assert told == list(range(4, 241, 4))


def test_events_after_the_last_checkpoint_are_made_again(tmp_path):
    whole = train(tmp_path / "whole")
    stopped = train(tmp_path / "parts", should_stop=stop_after(4))
    old = stopped.folder.checkpoint.read_bytes()
    resume_training(tmp_path / "parts", sink=NullSink(), should_stop=stop_after(1))
    # As if the process had died before it could write the later checkpoint.
    stopped.folder.checkpoint.write_bytes(old)
    assert read_updates(resume_training(tmp_path / "parts", sink=NullSink())) == read_updates(whole)


def test_a_log_that_does_not_reach_its_checkpoint_is_refused(tmp_path):
    result = train(tmp_path / "run", should_stop=stop_after(2))
    result.folder.events.write_text("")
    with pytest.raises(ArtifactError, match="must hold 2 events like its checkpoint, got 0"):
        resume_training(tmp_path / "run", sink=NullSink())


@pytest.mark.parametrize(
    "line", [b"torn\n", b'{"schema": 2, "event": "UpdateCompleted"}\n', b"\xff\n"]
)
def test_a_damaged_log_is_refused_before_training_goes_on(tmp_path, line):
    result = train(tmp_path / "run", should_stop=stop_after(2))
    lines = result.folder.events.read_bytes().splitlines(keepends=True)
    damaged = b"".join([lines[0], line, *lines[1:]])
    result.folder.events.write_bytes(damaged)
    with pytest.raises(ArtifactError, match=r"events.jsonl line 2: must be an event of"):
        resume_training(tmp_path / "run", sink=NullSink())
    assert result.folder.events.read_bytes() == damaged


class FailingSink:
    """Raises once it is given the report of some update."""

    def __init__(self, error, update):
        self._error = error
        self._update = update

    def emit(self, event):
        if isinstance(event, UpdateCompleted) and event.report.update == self._update:
            raise self._error


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "No space left"), "No space left"),
        (OSError("all is lost"), "all is lost"),
        (SystemExit(1), "Broken pipe"),
    ],
)
def test_a_writer_that_fails_ends_a_training_whole(tmp_path, error, reason):
    with pytest.raises(ArtifactError, match=f"must be writable, got {reason} by update 3; `tamiyo"):
        train_controller(CONFIG, tmp_path / "run", sink=FailingSink(error, 3))
    whole = train(tmp_path / "whole")
    resumed = resume_training(tmp_path / "run", sink=NullSink())
    assert resumed.folder.checkpoint.read_bytes() == whole.folder.checkpoint.read_bytes()
    assert read_updates(resumed) == read_updates(whole)


def test_an_event_that_could_not_be_logged_does_not_end_the_run_for_good(tmp_path, monkeypatch):
    write = JsonlSink.emit

    def fail(log, event):
        if isinstance(event, UpdateCompleted) and event.report.update == 3:
            raise ArtifactError("full") from OSError(errno.ENOSPC, "No space left")
        write(log, event)

    with monkeypatch.context() as patched:
        patched.setattr(JsonlSink, "emit", fail)
        with pytest.raises(ArtifactError, match="got No space left by update 3"):
            train(tmp_path / "run")
    resumed = resume_training(tmp_path / "run", sink=NullSink())
    assert (resumed.updates, resumed.interrupted) == (6, False)
    assert [report["update"] for report in read_updates(resumed)] == [1, 2, 4, 5, 6]


def test_a_checkpoint_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    def fail(path, content):
        raise OSError(errno.ENOSPC, "No space left")

    train(tmp_path / "run", should_stop=stop_after(2))
    checkpoint = (tmp_path / "run" / "checkpoint.safetensors").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(run_folder, "write_atomically", fail)
        with pytest.raises(ArtifactError, match="checkpoint must be writable, got No space left"):
            learned_train.resume_training(tmp_path / "run", sink=NullSink())
    assert (tmp_path / "run" / "checkpoint.safetensors").read_bytes() == checkpoint


def forget_checkpoints(path, *, events):
    """Leave what a training leaves that was killed before its first checkpoint."""
    log = (path / "events.jsonl").read_text().splitlines(keepends=True)
    kept = [line for line in log if '"CheckpointWritten"' not in line]
    (path / "events.jsonl").write_text("".join(kept[:events]) + kept[events][:20])
    for name in ("checkpoint.safetensors", "checkpoint.earlier.safetensors"):
        (path / name).unlink()


def test_a_training_killed_before_its_first_checkpoint_begins_anew(tmp_path):
    whole, killed = train(tmp_path / "whole"), train(tmp_path / "killed")
    forget_checkpoints(tmp_path / "killed", events=3)
    resumed = resume_training(tmp_path / "killed", sink=NullSink())
    assert resumed.folder.checkpoint.read_bytes() == whole.folder.checkpoint.read_bytes()
    assert read_updates(resumed) == read_updates(whole)
    assert killed.steps == resumed.steps


def test_a_training_killed_before_its_first_event_begins_anew(tmp_path):
    whole = train(tmp_path / "whole")
    train(tmp_path / "killed")
    forget_checkpoints(tmp_path / "killed", events=1)
    (tmp_path / "killed" / "events.jsonl").unlink()
    resumed = resume_training(tmp_path / "killed", sink=NullSink())
    assert resumed.folder.checkpoint.read_bytes() == whole.folder.checkpoint.read_bytes()


def test_a_checkpoint_that_was_lost_is_not_passed_over(tmp_path):
    train(tmp_path / "run")
    (tmp_path / "run" / "checkpoint.safetensors").unlink()
    before = (tmp_path / "run" / "events.jsonl").read_bytes()
    with pytest.raises(ArtifactError, match="checkpoint must be where the log says one was"):
        resume_training(tmp_path / "run", sink=NullSink())
    assert (tmp_path / "run" / "events.jsonl").read_bytes() == before


def test_a_damaged_checkpoint_is_refused_with_the_one_before_it_which_is_gone_on_from(tmp_path):
    whole, run = train(tmp_path / "whole"), tmp_path / "run"
    train(run, should_stop=stop_after(5))
    newest, earlier = run / "checkpoint.safetensors", run / "checkpoint.earlier.safetensors"
    newest.write_bytes(newest.read_bytes()[:100])
    message = r"whole file of tensors, .* checkpoint\.earlier\.safetensors is the one before it"
    with pytest.raises(ArtifactError, match=message):
        resume_training(run, sink=NullSink())
    earlier.rename(newest)
    resumed = resume_training(run, sink=NullSink())
    assert newest.read_bytes() == whole.folder.checkpoint.read_bytes()
    assert read_updates(resumed) == read_updates(whole)


def test_a_finished_training_has_nothing_left_to_do(tmp_path):
    train(tmp_path / "run")
    again = resume_training(tmp_path / "run", sink=NullSink())
    assert (again.updates, again.interrupted) == (6, False)


def test_an_earlier_run_is_not_replaced_unasked(tmp_path):
    train(tmp_path / "run", should_stop=stop_after(1))
    with pytest.raises(ArtifactError, match="which holds an earlier run"):
        train(tmp_path / "run")
    config = replace(CONFIG, seed=5)
    train(tmp_path / "run", config, overwrite=True, should_stop=stop_after(1))
    assert load_training(tmp_path / "run")[0].seed == 5


def test_a_run_of_a_version_with_fewer_settings_is_still_read(tmp_path):
    result = train(tmp_path / "run", should_stop=stop_after(2))
    path = tmp_path / "run" / "config.json"
    content = json.loads(path.read_text())
    del content["train"]["learner"]["ppo"]["normalization"]
    path.write_text(json.dumps(content))
    assert load_training(tmp_path / "run")[0] == result.config
    content["train"]["learner"]["ppo"]["gama"] = 0.9
    path.write_text(json.dumps(content))
    with pytest.raises(ArtifactError, match=r"got 'gama' as well \(nearest: gamma\)"):
        load_training(tmp_path / "run")


def test_a_folder_of_something_else_is_no_training(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"format": "tamiyo-run-1", "run": {}}))
    with pytest.raises(ArtifactError, match="must hold the training of a controller, got"):
        load_training(tmp_path)
    with pytest.raises(ArtifactError, match=r"must hold the config.json of a run, got .*missing"):
        resume_training(tmp_path / "missing", sink=NullSink())


class Broken:
    """A program that cannot be reached."""

    def emit(self, event):
        raise OSError("no route to host")

    def close(self):
        """Nothing is left to do."""


def test_a_program_that_fails_is_reported_in_the_log_and_the_training_is_whole(
    tmp_path, monkeypatch
):
    point = SimpleNamespace(name="broken", load=lambda: lambda _folder: Broken())
    monkeypatch.setattr(exports, "entry_points", lambda group: [point])
    shown = MemorySink()
    result = train_controller(CONFIG, tmp_path / "run", sink=shown, exports=["broken"])
    assert not result.interrupted
    (lack,) = [event for event in shown.events if isinstance(event, EventsDropped)]
    assert (lack.sink, lack.reason) == ("broken", "OSError: no route to host")
    assert lack.count == len(shown.events) - 1
    whole = train(tmp_path / "whole")
    assert result.folder.checkpoint.read_bytes() == whole.folder.checkpoint.read_bytes()
    assert read_events(result.folder.events).events[-1]["event"] == "EventsDropped"
