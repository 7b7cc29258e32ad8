"""Exports: sinks by name, what is missing said in one line, what was dropped reported."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tamiyo.contracts import ConfigError, EventsDropped, TamiyoInitiated, UnknownNameError
from tamiyo.telemetry import Exports, MemorySink
from tamiyo.telemetry.exporting import exports

EVENT = TamiyoInitiated(environment=0, epoch=6)


class Kept(MemorySink):
    """A memory that can be closed."""

    def close(self):
        """Nothing is left to do."""


class Failing(Kept):
    def emit(self, event):
        raise OSError("no route to host")


def offer(monkeypatch, **builders):
    """Offer sinks as entry points do."""
    points = [
        SimpleNamespace(name=name, load=lambda build=build: build)
        for name, build in builders.items()
    ]
    monkeypatch.setattr(exports, "entry_points", lambda group: points)


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_missing_package_is_named_with_what_to_install(name, monkeypatch):
    monkeypatch.setattr(exports, "find_spec", lambda _name: None)
    expected = rf"package {name} must be installed for --log {name}, got none: pip install 'tamiyo"
    with pytest.raises(ConfigError, match=expected):
        Exports([name])


def test_an_unknown_name_is_refused_with_all_there_are(monkeypatch):
    offer(monkeypatch, mine=lambda _folder: Kept())
    with pytest.raises(UnknownNameError, match="tensorboard, wandb, mine"):
        Exports(["tensorbord"])


def test_a_sink_of_another_package_is_told_every_event(monkeypatch, tmp_path):
    sink, folders = Kept(), []

    def build(folder):
        folders.append(folder)
        return sink

    offer(monkeypatch, mine=build)
    programs = Exports(["mine"])
    assert folders == []
    programs.open(tmp_path)
    programs.emit(EVENT)
    assert programs.close() == []
    assert (folders, sink.events) == ([tmp_path], [EVENT])
    assert programs.close() == []


def test_what_a_sink_lacks_is_reported_with_the_reason(monkeypatch, tmp_path):
    offer(monkeypatch, mine=lambda _folder: Failing())
    programs = Exports(["mine"])
    programs.open(tmp_path)
    for _ in range(3):
        programs.emit(EVENT)
    assert programs.close() == [
        EventsDropped(sink="mine", count=3, reason="OSError: no route to host")
    ]


def test_a_sink_that_cannot_be_opened_is_refused_in_one_line(monkeypatch, tmp_path):
    def build(_folder):
        raise RuntimeError("not\nlogged in")

    offer(monkeypatch, mine=build)
    with pytest.raises(ConfigError, match="mine must be ready to take events, got not logged in"):
        Exports(["mine"]).open(tmp_path)


def test_no_export_is_no_work(tmp_path):
    none = Exports()
    none.open(tmp_path)
    none.emit(EVENT)
    assert none.close() == []
