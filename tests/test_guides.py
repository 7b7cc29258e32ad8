"""The code in the guides runs, top to bottom."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

from tamiyo.model import TamiyoModel

GUIDES = Path(__file__).parent.parent / "docs" / "guides"


def run_guide(name):
    """Run the code of a guide; what it leaves behind."""
    text = (GUIDES / name).read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    names = {}
    with torch.random.fork_rng(devices=[]):
        exec(compile(code, name, "exec"), names)  # the guide is what is tested
    return names


@pytest.fixture
def namespace(tmp_path, monkeypatch):
    """What the code of the guide on one's own model leaves behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield run_guide("your-own-model.md")
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
    names = run_guide("playing-a-policy.md")
    assert names["info"]["action_valid"].all()
    assert names["returns"].shape == (4,)
    assert names["five"].unwrapped.config.slots == 5
    assert len(capsys.readouterr().out.splitlines()) == 2


@pytest.mark.parametrize("guide", sorted(GUIDES.glob("*.md")), ids=lambda path: path.stem)
def test_the_readme_leads_to_every_guide(guide):
    readme = (GUIDES.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"](docs/guides/{guide.name})" in readme
