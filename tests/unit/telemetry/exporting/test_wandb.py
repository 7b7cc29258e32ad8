"""WandbSink against a fake of wandb."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from tamiyo.contracts import AlarmKind, AlarmRaised, UpdateCompleted
from tamiyo.telemetry.exporting import WandbSink
from tests.support.updates import build_update


class Run:
    """What a run of wandb offers, as far as it is used."""

    def __init__(self, **settings):
        self.settings, self.logged, self.alerts, self.metrics = settings, [], [], []
        self.is_finished = False

    def define_metric(self, name, *, step_metric):
        self.metrics.append((name, step_metric))

    def log(self, values):
        self.logged.append(values)

    def alert(self, *, title, text):
        self.alerts.append((title, text))

    def finish(self):
        self.is_finished = True


@pytest.fixture
def runs(monkeypatch):
    made = []

    def init(**settings):
        made.append(Run(**settings))
        return made[-1]

    monkeypatch.setitem(sys.modules, "wandb", SimpleNamespace(init=init))
    return made


def test_a_run_is_named_after_its_folder_and_logs_with_steps_of_its_own(tmp_path, runs):
    sink = WandbSink(tmp_path / "mine")
    sink.emit(UpdateCompleted(report=build_update(steps=1600)))
    (run,) = runs
    assert run.settings == {"project": "tamiyo", "name": "mine", "dir": str(tmp_path / "mine")}
    assert run.metrics == [("*", "step")]
    assert run.logged[0]["step"] == 1600
    assert run.logged[0]["policy/kl"] == 0.01
    sink.close()
    assert run.is_finished


def test_an_alarm_is_an_alert(tmp_path, runs):
    sink = WandbSink(tmp_path)
    sink.emit(AlarmRaised(kind=AlarmKind.THRASHING, message="nothing came of it", steps=8))
    assert runs[0].alerts == [("thrashing", "nothing came of it")]
