"""The code in the guides runs, top to bottom."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

from tamiyo.model import TamiyoModel

GUIDES = Path(__file__).parent.parent / "docs" / "guides"


@pytest.fixture
def namespace(tmp_path, monkeypatch):
    """What the code of the guide on one's own model leaves behind."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    text = (GUIDES / "your-own-model.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.DOTALL))
    names = {}
    with torch.random.fork_rng(devices=[]):
        exec(compile(code, "your-own-model.md", "exec"), names)  # the guide is what is tested
    yield names
    for name in [name for name in sys.modules if name.split(".")[0] == "network"]:
        del sys.modules[name]


@pytest.mark.slow
def test_the_guide_on_a_model_of_ones_own_runs_and_grows(namespace):
    assert namespace["grown"].result.parameters <= 800
    assert namespace["grown"].record.fossils
    assert isinstance(namespace["model"], TamiyoModel)
    assert 425 < namespace["model"].count_parameters(committed_only=True) <= 800
    assert namespace["scheduler"].last_epoch == 45
