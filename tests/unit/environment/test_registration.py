from __future__ import annotations

import subprocess
import sys

import gymnasium
import pytest

from tamiyo.environment.registration import register_environments

IDS = [name for name in gymnasium.registry if name.startswith("tamiyo/")]


@pytest.mark.parametrize("name", IDS)
def test_every_registered_environment_can_be_made_alone_and_in_lockstep(name):
    assert gymnasium.make(name).spec.id == name
    env = gymnasium.make_vec(name, num_envs=2)
    assert env.num_envs == 2
    assert "autoreset_mode" in env.metadata


def test_registering_again_changes_nothing():
    before = dict(gymnasium.registry)
    register_environments()
    assert dict(gymnasium.registry) == before


def test_gymnasium_finds_the_names_by_itself_and_without_torch():
    code = (
        "import sys, gymnasium; "
        "gymnasium.make('tamiyo.environment:tamiyo/ProbeActionOnly-v0').reset(seed=0); "
        "print('torch' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "False", run.stderr
