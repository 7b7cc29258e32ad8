"""What the README and the guides promise is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from tamiyo.controller import load_schedule

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROOMS = sorted(p.parent.name for p in (ROOT / "src/tamiyo").glob("*/__init__.py"))


def test_it_is_short():
    assert len(README.splitlines()) < 150


def test_the_map_of_rooms_is_the_rooms():
    assert sorted(re.findall(r"^\| \[`(\w+)`\]", README, re.MULTILINE)) == ROOMS


@pytest.mark.parametrize("path", re.findall(r"\]\(((?!http)[^)#]+)\)", README))
def test_every_link_leads_somewhere(path):
    assert (ROOT / path).exists()


def test_the_python_example_runs(capsys):
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    with torch.random.fork_rng(devices=[]):
        exec(compile(example[1], "README.md", "exec"), {})  # the example is what is tested
    assert "final network" in capsys.readouterr().out


@pytest.mark.parametrize("target", re.findall(r"make (?:PYTHON=\S+ )?([a-z]+)", README))
def test_every_make_target_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


def test_the_schedule_of_the_guide_is_a_schedule(tmp_path):
    guide = (ROOT / "docs/guides/schedules.md").read_text(encoding="utf-8")
    plan = tmp_path / "plan.toml"
    plan.write_text(guide.split("```toml\n")[1].split("```")[0], encoding="utf-8")
    schedule = load_schedule(plan)
    assert (len(schedule.seeds), len(schedule.decisions)) == (1, 1)
