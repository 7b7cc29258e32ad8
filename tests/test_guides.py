"""The code in the guides runs, top to bottom."""

from __future__ import annotations

import sys

import pytest
import torch

from tamiyo.engine.batched.layers import registry
from tamiyo.model import TamiyoModel
from tests.support.package_copies import PackageCopy
from tests.support.pages import DOCS, ROOT, read_blocks, run_commands, run_python

GUIDES = DOCS / "guides"


@pytest.fixture
def namespace(tmp_path, monkeypatch):
    """What the code of the guide on one's own model leaves behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield run_python(GUIDES / "your-own-model.md")
    for name in [name for name in sys.modules if name.split(".")[0] == "network"]:
        del sys.modules[name]


@pytest.mark.slow
def test_the_guide_on_a_model_of_ones_own_runs_and_grows(namespace):
    assert namespace["grown"].result.parameters <= 800
    assert namespace["grown"].record.fossils
    assert isinstance(namespace["model"], TamiyoModel)
    assert 425 < namespace["model"].count_parameters(committed_only=True) <= 800
    assert namespace["scheduler"].last_epoch == 45


def test_the_guide_on_playing_by_hand_runs_and_its_actions_are_legal(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    names = run_python(GUIDES / "playing-a-policy.md")
    assert names["info"]["action_valid"].all()
    assert names["returns"].shape == (4,)
    assert names["five"].unwrapped.config.slots == 5
    assert names["grown"].result.epochs == 35
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_the_guide_on_batched_layers_runs_and_its_layer_is_registered(monkeypatch):
    monkeypatch.setattr(registry, "_FORMS", dict(registry._FORMS))
    names = run_python(GUIDES / "batched-layers.md")
    assert registry.find_batched(torch.nn.PReLU()).forward is names["prelu"]
    assert len(names["together"]) == 4  # outputs, and the gradients of three parameters


@pytest.mark.parametrize(
    ("channels", "shape"),
    [(3, (4, 5, 3)), (1, (4, 5, 3)), (1, (4, 5, 3, 7))],
    ids=["vectors", "one slope", "sequences"],
)
def test_the_layer_of_the_guide_equals_the_plain_one_on_other_shapes(monkeypatch, channels, shape):
    monkeypatch.setattr(registry, "_FORMS", dict(registry._FORMS))
    names = run_python(GUIDES / "batched-layers.md")
    features = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    networks = [torch.nn.Sequential(torch.nn.PReLU(channels)) for _ in features]
    together = names["train_batched"](networks, features.flatten(0, 1))
    alone = [
        names["train_alone"](network, own) for network, own in zip(networks, features, strict=True)
    ]
    for batched, plain in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(batched, torch.stack(plain))


def test_the_page_on_environments_makes_hosts_and_shows_their_masks():
    names = run_python(DOCS / "concepts" / "environment.md")
    assert names["observations"].shape == (2, 140)
    assert names["info"]["action_mask"].shape[0] == 2
    names["env"].close()


@pytest.mark.slow
def test_the_controller_of_the_guide_grows_a_model_and_has_a_name_in_a_copy(tmp_path):
    page = GUIDES / "add-a-controller.md"
    names = run_python(page)
    assert names["grown"].record.controller == "frugal"
    assert len(names["grown"].record.fossils) > 0
    copy = PackageCopy(tmp_path)
    code = next(block.text for block in read_blocks(page) if block.language == "python")
    (tmp_path / "src/tamiyo/controller/frugal.py").write_text(code, encoding="utf-8")
    copy.add_blocks(page)
    assert len(run_commands(page, copy.run)) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("guide", "commands"), [("add-a-task", 2), ("add-a-blueprint", 3)])
def test_what_a_guide_adds_to_a_copy_of_the_package_works_as_shown(tmp_path, guide, commands):
    page = GUIDES / f"{guide}.md"
    copy = PackageCopy(tmp_path)
    copy.add_blocks(page)
    assert len(run_commands(page, copy.run)) == commands


@pytest.mark.parametrize("guide", ["add-a-controller", "add-a-task", "add-a-blueprint"])
def test_changes_that_a_guide_shows_fit_the_source_as_it_is(tmp_path, guide):
    before = {file: file.read_bytes() for file in (ROOT / "src").rglob("*.py")}
    copy = PackageCopy(tmp_path)
    copy.add_blocks(GUIDES / f"{guide}.md")
    changed = [
        name
        for file, content in before.items()
        if (tmp_path / (name := file.relative_to(ROOT))).read_bytes() != content
    ]
    assert changed
    assert {file: file.read_bytes() for file in before} == before
