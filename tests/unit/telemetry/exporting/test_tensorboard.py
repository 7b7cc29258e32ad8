"""TensorBoardSink against a fake of tensorboard.summary."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from tamiyo.contracts import TamiyoInitiated, UpdateCompleted
from tamiyo.telemetry.exporting import TensorBoardSink
from tests.support.updates import build_update


class Writer:
    """What tensorboard.summary.Writer offers, as far as it is used."""

    def __init__(self, output):
        self.output, self.points, self.calls = output, [], []

    def add_scalar(self, tag, data, step):
        self.points.append((tag, data, step))

    def flush(self):
        self.calls.append("flush")

    def close(self):
        self.calls.append("close")


@pytest.fixture
def writer(monkeypatch):
    made = []

    def build(output):
        made.append(Writer(output))
        return made[-1]

    monkeypatch.setitem(sys.modules, "tensorboard", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "tensorboard.summary", SimpleNamespace(Writer=build))
    return made


def test_curves_go_to_a_folder_of_their_own(tmp_path, writer):
    sink = TensorBoardSink(tmp_path)
    sink.emit(UpdateCompleted(report=build_update(steps=1600)))
    (made,) = writer
    assert made.output == str(tmp_path / "tensorboard")
    assert ("policy/kl", 0.01, 1600) in made.points
    sink.emit(TamiyoInitiated(environment=0, epoch=1))
    sink.close()
    assert made.calls == ["flush", "close"]
