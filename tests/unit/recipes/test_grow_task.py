from __future__ import annotations

import json
from dataclasses import replace

import pytest
import torch

import tamiyo.recipes.lockstep
from tamiyo.contracts import ArtifactError, ConfigError, InvariantError, SlotIdError
from tamiyo.model import detach
from tamiyo.recipes import (
    Lockstep,
    RunFolder,
    build_effective_task,
    build_task_episode,
    grow_task,
    load_network,
)
from tests.support.schedules import build_growing_config
from tests.support.tasks import ListSink, refuse_engine


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    folder = tmp_path_factory.mktemp("grown")
    return grow_task(build_growing_config(folder, epochs=18), folder / "run")


def list_events(folder):
    return [json.loads(line)["event"] for line in folder.events.read_text().splitlines()]


def test_a_run_leaves_its_whole_folder(grown):
    folder = grown.folder.path
    assert {path.name for path in folder.iterdir()} == {
        "config.json",
        "events.jsonl",
        "export",
        "result.json",
    }
    assert {path.name for path in (folder / "export").iterdir()} == {
        "growth.json",
        "network",
        "weights.safetensors",
    }


def test_result_summary_and_file_say_the_same(grown):
    written = json.loads((grown.folder.path / "result.json").read_text())
    assert written["score"] == grown.result.score == grown.summary.outcome.score
    assert written["parameters"] == grown.result.parameters == grown.summary.parameters
    assert [row.seed_id for row in grown.summary.fossils] == list(written["contributions"])
    assert len(grown.summary.fossils) == 1


def test_the_host_alone_trains_as_long_on_the_same_seed(grown):
    twin = grown.summary.twin
    assert len(twin.control_accuracies) == 1 + grown.result.epochs
    assert twin.control_accuracies[0] == grown.summary.initial.control_accuracy
    assert twin.parameters == grown.summary.host_parameters
    assert list_events(grown.folder)[-2:] == ["RunFinished", "TwinTrained"]


def test_the_exported_network_computes_what_the_grown_one_does(tmp_path):
    config = build_growing_config(tmp_path, epochs=16)
    task = build_effective_task(config)
    data = task.load_data()
    episode = build_task_episode(config, task, data, sink=ListSink())
    with Lockstep([episode]) as alone:
        alone.run()
    grown = grow_task(config, tmp_path / "run", twin=False)
    network = detach(episode.member.model).eval()
    with torch.no_grad():
        expected = network(data.test.inputs[:50])
        for folder in (grown.folder.path, grown.folder.export):
            assert torch.equal(load_network(folder)(data.test.inputs[:50]), expected)


def test_without_a_twin_there_is_none(tmp_path):
    grown = grow_task(build_growing_config(tmp_path, epochs=11), tmp_path / "run", twin=False)
    assert grown.summary.twin is None


def test_events_reach_the_display_and_the_log(tmp_path):
    sink = ListSink()
    grown = grow_task(
        build_growing_config(tmp_path, epochs=11), tmp_path / "run", twin=False, sink=sink
    )
    assert [type(event).__name__ for event in sink.events] == list_events(grown.folder)


def test_a_stop_keeps_everything_but_the_twin(tmp_path):
    grown = grow_task(build_growing_config(tmp_path), tmp_path / "run", should_stop=lambda: True)
    assert (grown.result.epochs, grown.summary.outcome.interrupted) == (1, True)
    assert grown.summary.twin is None
    assert load_network(grown.folder.path) is not None
    assert (grown.folder.path / "result.json").exists()


def test_a_stop_while_the_twin_trains_leaves_it_out(tmp_path):
    asked = []

    def should_stop():
        asked.append(True)
        return len(asked) > 14

    config = build_growing_config(tmp_path, epochs=12)
    grown = grow_task(config, tmp_path / "run", should_stop=should_stop)
    assert not grown.summary.outcome.interrupted
    assert grown.summary.twin is None
    assert len(asked) < 20


def test_settings_that_are_refused_leave_nothing(tmp_path):
    config = build_growing_config(tmp_path, slots=("r5c5",))
    with pytest.raises(SlotIdError, match="r5c5"):
        grow_task(config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_engine_that_cannot_train_the_network_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tamiyo.recipes.lockstep, "build_population", refuse_engine)
    with pytest.raises(ConfigError, match="got batched"):
        grow_task(build_growing_config(tmp_path), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_refused_settings_leave_an_earlier_run_as_it_is(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create({}, overwrite=False)
    folder.write_result({"score": 1})
    config = build_growing_config(tmp_path)
    small = replace(config, engine=replace(config.engine, max_parameters=3))
    with pytest.raises(ConfigError, match="got 3"):
        grow_task(small, folder.path, overwrite=True)
    assert json.loads((folder.path / "result.json").read_text()) == {"score": 1}


def test_a_run_that_breaks_has_no_result(tmp_path):
    class BrokenSink:
        def emit(self, event):
            if type(event).__name__ == "EpochCompleted":
                message = "screen on fire"
                raise InvariantError(message)

    out = tmp_path / "run"
    with pytest.raises(InvariantError, match="on fire"):
        grow_task(build_growing_config(tmp_path), out, sink=BrokenSink())
    assert not (out / "result.json").exists()
    assert not (out / "export").exists()
    with pytest.raises(ArtifactError, match=r"growth\.json must be a readable file"):
        load_network(out)
