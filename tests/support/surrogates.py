"""What drives surrogate environments in tests."""

from __future__ import annotations

import numpy as np

from tamiyo.contracts import AdaptationCommand, LifecycleConfig, LifecycleOp
from tamiyo.environment.surrogate import SurrogateVectorEnv
from tamiyo.observation import sample_uniform

__all__ = ["EASY", "act", "build_started", "play_random"]

EASY = LifecycleConfig(min_fossilize_contribution=0.0, contribution_errors=0.0)
"""Gates that random play passes often."""


def build_started(num_envs=1, *, seed=0, **settings):
    """Environments at the beginning of their first episode, and what their reset told."""
    env = SurrogateVectorEnv(num_envs, **settings)
    _, info = env.reset(seed=seed)
    return env, info


def act(env, op=LifecycleOp.WAIT, slot_id="r0c0", **choices):
    """Do the same everywhere; what the step returned."""
    command = AdaptationCommand(op=op, slot_id=slot_id, **choices)
    return env.step(np.tile(command.to_action(env.config.slot_ids), (env.num_envs, 1)))


def play_random(env, info, steps, *, seed=0):
    """Yield action and outcome of random legal steps."""
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        actions = sample_uniform(env.action_spec, info["action_mask_by_op"], rng)
        outcome = env.step(actions)
        info = outcome[-1]
        yield actions, outcome
