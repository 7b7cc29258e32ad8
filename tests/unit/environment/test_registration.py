from __future__ import annotations

import subprocess
import sys

import gymnasium
import pytest

from tamiyo.environment.registration import name_task, register_environments
from tamiyo.tasks import list_tasks

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


def test_gymnasium_finds_the_names_by_itself():
    code = (
        "import gymnasium; "
        "env = gymnasium.make('tamiyo.environment:tamiyo/ProbeActionOnly-v0'); "
        "print(env.reset(seed=0)[0].dtype)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "float32", run.stderr


@pytest.mark.parametrize("task", list_tasks())
def test_every_task_is_registered_for_one_host_and_for_many(task):
    name = f"tamiyo/{name_task(task)}-v0"
    env = gymnasium.make(name, disable_env_checker=True)
    many = gymnasium.make_vec(name, num_envs=2, vectorization_mode="vector_entry_point")
    assert env.unwrapped.vector.config.task == many.config.task == task
    assert many.num_envs == 2
    many.close()
