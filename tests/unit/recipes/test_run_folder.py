from __future__ import annotations

import json

import pytest

from tamiyo.contracts import ArtifactError
from tamiyo.recipes import RunFolder


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "runs" / "one")


def fill(folder):
    """Leave what a whole run leaves."""
    folder.create({"run": 1}, overwrite=False)
    folder.export.mkdir()
    files = (folder.events, folder.picture, folder.checkpoint, folder.curve)
    for path in (*files, folder.export / "growth.json"):
        path.write_text("old")
    folder.write_result({"score": 1})


def test_a_new_folder_holds_the_configuration(folder):
    folder.create({"run": {"seed": 3}}, overwrite=False)
    assert [path.name for path in folder.path.iterdir()] == ["config.json"]
    content = json.loads((folder.path / "config.json").read_text())
    assert content == {"format": "tamiyo-run-1", "run": {"seed": 3}}


def test_an_empty_folder_may_be_used(folder):
    folder.path.mkdir(parents=True)
    folder.create({}, overwrite=False)
    assert folder.read_config()["format"] == "tamiyo-run-1"


def test_the_result_is_written_whole(folder):
    folder.create({}, overwrite=False)
    folder.write_result({"score": 81.5})
    assert json.loads((folder.path / "result.json").read_text()) == {"score": 81.5}


def test_an_earlier_run_is_kept_unless_told_otherwise(folder):
    fill(folder)
    with pytest.raises(ArtifactError, match=r"must be new, got .*one, which holds an earlier run"):
        folder.create({"run": 2}, overwrite=False)
    assert folder.events.read_text() == "old"
    assert json.loads((folder.path / "config.json").read_text())["run"] == 1


def test_overwriting_leaves_nothing_of_the_earlier_run(folder):
    fill(folder)
    folder.create({"run": 2}, overwrite=True)
    assert [path.name for path in folder.path.iterdir()] == ["config.json"]
    assert json.loads((folder.path / "config.json").read_text())["run"] == 2


def test_overwriting_leaves_what_no_run_wrote(folder):
    fill(folder)
    (folder.path / "notes.txt").write_text("mine")
    folder.create({}, overwrite=True)
    assert (folder.path / "notes.txt").read_text() == "mine"


def test_a_run_behind_a_link_can_be_overwritten(folder, tmp_path):
    fill(folder)
    link = tmp_path / "latest"
    link.symlink_to(folder.path)
    RunFolder(link).create({"run": 2}, overwrite=True)
    assert json.loads((folder.path / "config.json").read_text())["run"] == 2


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("config", [None, "not JSON", "[1]", '{"format": "another-1"}'])
def test_a_folder_of_something_else_is_never_touched(folder, config, overwrite):
    folder.path.mkdir(parents=True)
    (folder.path / "thesis.txt").write_text("years of work")
    if config is not None:
        (folder.path / "config.json").write_text(config)
    with pytest.raises(ArtifactError, match=r"got .*one, which holds something else"):
        folder.create({}, overwrite=overwrite)
    assert (folder.path / "thesis.txt").read_text() == "years of work"
    assert not folder.export.exists()


def test_a_file_in_the_way_is_never_touched(folder):
    folder.path.parent.mkdir()
    folder.path.write_text("a file")
    with pytest.raises(ArtifactError, match="which holds something else"):
        folder.create({}, overwrite=True)
    assert folder.path.read_text() == "a file"


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ArtifactError, match=r"must be writable, got .*file/run: Not a directory"):
        RunFolder(tmp_path / "file" / "run").create({}, overwrite=False)


def test_a_folder_without_the_configuration_of_a_run_is_not_read(folder):
    folder.path.mkdir(parents=True)
    (folder.path / "config.json").write_text('{"format": "other"}')
    with pytest.raises(ArtifactError, match=r"must hold the config.json of a run, got .*one"):
        folder.read_config()
