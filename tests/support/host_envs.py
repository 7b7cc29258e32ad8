"""Environments of real hosts whose episodes take a fraction of a second."""

from __future__ import annotations

import numpy as np

from tamiyo.engine import EngineConfig
from tamiyo.environment import HostEnvConfig, HostVectorEnv
from tamiyo.observation import sample_uniform
from tests.support.tasks import EAGER

__all__ = ["DECISIONS", "QUICK", "assert_same", "build_env", "play_random", "wait"]

DECISIONS = 4
QUICK = HostEnvConfig(task="spirals", epochs=10 + DECISIONS, engine=EngineConfig(lifecycle=EAGER))
"""Spirals in an MLP; seeds may leave at any time."""


def build_env(num_envs=3, *, seed=0, workers=1, autoreset_mode=None, **changes):
    """Environments after their first reset, and what that returned."""
    mode = {} if autoreset_mode is None else {"autoreset_mode": autoreset_mode}
    env = HostVectorEnv(num_envs, QUICK, workers=workers, **mode, **changes)
    return env, env.reset(seed=seed)


def wait(env):
    """Actions that do nothing."""
    return np.zeros((env.num_envs, len(env.action_spec.heads)), np.int64)


def play_random(env, start, steps, *, seed=0):
    """Play legal actions at random; yields what every step returned."""
    rng = np.random.default_rng(seed)
    _, info = start
    for _ in range(steps):
        outcome = env.step(sample_uniform(env.action_spec, info["action_mask_by_op"], rng))
        info = outcome[-1]
        yield outcome


def assert_same(one, two):
    """Compare what steps returned, byte by byte."""
    for a, b in zip(one, two, strict=True):
        if isinstance(a, dict):
            assert a.keys() == b.keys()
            assert_same([a[name] for name in a], [b[name] for name in a])
        else:
            np.testing.assert_array_equal(a, b, strict=True)
