"""The code in the guides runs, top to bottom."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

from tamiyo.engine.batched.layers import registry
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
    assert names["grown"].result.epochs == 35
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_the_guide_on_batched_layers_runs_and_its_layer_is_registered(monkeypatch):
    monkeypatch.setattr(registry, "_FORMS", dict(registry._FORMS))
    names = run_guide("batched-layers.md")
    assert registry.find_batched(torch.nn.PReLU()).forward is names["prelu"]
    assert len(names["together"]) == 4  # outputs, and the gradients of three parameters


@pytest.mark.parametrize(
    ("channels", "shape"),
    [(3, (4, 5, 3)), (1, (4, 5, 3)), (1, (4, 5, 3, 7))],
    ids=["vectors", "one slope", "sequences"],
)
def test_the_layer_of_the_guide_equals_the_plain_one_on_other_shapes(monkeypatch, channels, shape):
    monkeypatch.setattr(registry, "_FORMS", dict(registry._FORMS))
    names = run_guide("batched-layers.md")
    features = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    networks = [torch.nn.Sequential(torch.nn.PReLU(channels)) for _ in features]
    together = names["train_batched"](networks, features.flatten(0, 1))
    alone = [
        names["train_alone"](network, own) for network, own in zip(networks, features, strict=True)
    ]
    for batched, plain in zip(together, zip(*alone, strict=True), strict=True):
        torch.testing.assert_close(batched, torch.stack(plain))


@pytest.mark.parametrize("guide", sorted(GUIDES.glob("*.md")), ids=lambda path: path.stem)
def test_the_readme_leads_to_every_guide(guide):
    readme = (GUIDES.parents[1] / "README.md").read_text(encoding="utf-8")
    assert f"](docs/guides/{guide.name})" in readme
