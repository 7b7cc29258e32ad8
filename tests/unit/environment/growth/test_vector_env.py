"""GrowthVectorEnv: what hosts of any kind have in common, on a host that does nothing."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from tamiyo.contracts import ConfigError, ShapeError
from tamiyo.environment.growth import GrowthVectorEnv
from tamiyo.tasks import get_task

TASK = get_task("digits-cnn")


class Counting(GrowthVectorEnv):
    """Episodes of two steps whose only observation is how many were taken."""

    def __init__(self, num_envs=2, autoreset_mode=AutoresetMode.SAME_STEP):
        super().__init__(
            num_envs,
            tuple(TASK.slots),
            TASK.config,
            telemetry=False,
            autoreset_mode=autoreset_mode,
        )
        self.taken = np.zeros(num_envs, int)
        self.seeds = [None] * num_envs

    def reset(self, *, seed=None, options=None):
        self.seeds, chosen = self._read_reset(seed, options)
        self._begin(chosen)
        return self._observe()

    def step(self, actions):
        self._check_actions(actions)
        self.taken += 1
        ended = self.taken == 2
        self._is_running &= ~ended
        observations, info = self._observe()
        info["action_valid"] = np.ones(self.num_envs, bool)
        if ended.any():
            info["score"] = self.taken.astype(float)
            observations, info = self._begin_anew(ended, observations, info, kept=("action_valid",))
        return observations, np.zeros(self.num_envs), ended, np.zeros_like(ended), info

    def _begin(self, environments):
        self.taken[environments] = 0
        self._is_running |= environments

    def _observe(self):
        self._masks[:] = True
        return self.taken[:, None].astype(np.float32), {"action_mask": self.action_masks()}


def actions_of(env):
    return np.zeros((env.num_envs, len(env.action_spec.heads)), int)


@pytest.mark.parametrize(
    ("seed", "seeds"), [(7, [7, 8]), (None, [None, None]), ([3, None], [3, None])]
)
def test_one_seed_is_spread_over_the_environments(seed, seeds):
    env = Counting()
    env.reset(seed=seed)
    assert list(env.seeds) == seeds


def test_only_chosen_environments_begin_anew():
    env = Counting(autoreset_mode=AutoresetMode.DISABLED)
    env.reset()
    env.step(actions_of(env))
    observations, _ = env.reset(options={"reset_mask": np.array([False, True])})
    assert observations[:, 0].tolist() == [1, 0]


@pytest.mark.parametrize(("seed", "mask"), [([1], [True, True]), (1, [True])])
def test_seeds_and_flags_are_one_for_each_environment(seed, mask):
    with pytest.raises(ShapeError, match="must be one for each of 2 environments"):
        Counting().reset(seed=seed, options={"reset_mask": np.array(mask)})


def test_actions_of_another_shape_are_refused():
    env = Counting()
    env.reset()
    with pytest.raises(ShapeError, match=r"actions must be \[2, 8\], got \[2\]"):
        env.step(np.zeros(2, int))


def test_steps_before_a_reset_are_refused():
    env = Counting()
    with pytest.raises(ConfigError, match=r"step must follow a reset .* got \[0, 1\]"):
        env.step(actions_of(env))


def test_an_episode_that_ends_begins_anew_in_the_same_step_and_tells_its_end():
    env = Counting()
    env.reset()
    env.step(actions_of(env))
    observations, _, ended, _, info = env.step(actions_of(env))
    assert ended.all()
    assert observations[:, 0].tolist() == [0, 0]
    assert info["final_obs"][:, 0].tolist() == [2, 2]
    assert info["final_info"]["score"].tolist() == [2.0, 2.0]
    assert info["_final_obs"].all()
    assert "score" not in info
    assert info["action_valid"].all()


def test_without_autoreset_the_end_stands_in_the_info_itself():
    env = Counting(autoreset_mode=AutoresetMode.DISABLED)
    env.reset()
    env.step(actions_of(env))
    observations, *_, info = env.step(actions_of(env))
    assert observations[:, 0].tolist() == [2, 2]
    assert info["score"].tolist() == [2.0, 2.0]
    with pytest.raises(ConfigError, match="step must follow a reset"):
        env.step(actions_of(env))


def test_an_unknown_autoreset_mode_is_refused():
    with pytest.raises(ConfigError, match="must be SAME_STEP or DISABLED, got NEXT_STEP"):
        Counting(autoreset_mode=AutoresetMode.NEXT_STEP)
