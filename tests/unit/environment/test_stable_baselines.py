from __future__ import annotations

import subprocess
import sys

import pytest
from stable_baselines3.common.vec_env import VecEnv

from tamiyo.contracts import ConfigError
from tamiyo.environment import ProbeVectorEnv
from tamiyo.environment.stable_baselines import as_stable_baselines


def test_the_adapter_is_what_stable_baselines_calls_a_vector_environment():
    assert isinstance(as_stable_baselines(ProbeVectorEnv(2, probe="RememberBit5")), VecEnv)


def test_without_the_library_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "stable_baselines3", None)
    with pytest.raises(ConfigError, match=r"got none: pip install 'sb3-contrib"):
        as_stable_baselines(ProbeVectorEnv(2, probe="RememberBit5"))


def test_importing_the_function_does_not_load_the_library():
    code = (
        "import sys, tamiyo.environment.stable_baselines; print('stable_baselines3' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.stdout.strip() == "False", run.stderr
