from __future__ import annotations

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Discrete, MultiDiscrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from tamiyo.contracts import ActionSpec, ConfigError, ShapeError
from tamiyo.environment import ProbeEnv, ProbeVectorEnv
from tamiyo.learning.lockstep import Lockstep


class Clock(gymnasium.Env):
    """Shows its number and the steps made; truncated after as many steps as its number."""

    def __init__(self, number, action_space=None, observation_space=None):
        self.number = number
        self.observation_space = observation_space or Box(0.0, 99.0, (2,), np.float32)
        self.action_space = action_space or MultiDiscrete([2, 3])
        self.taken = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.steps = 0
        return self._see(), {}

    def step(self, action):
        self.taken.append(np.asarray(action).tolist())
        self.steps += 1
        return self._see(), 1.0, False, self.steps == self.number, {}

    def _see(self):
        return np.array([self.number, self.steps], np.float32)


def build_clocks(mode, numbers=(2, 3)):
    return SyncVectorEnv([lambda n=n: Clock(n) for n in numbers], autoreset_mode=mode)


def walk(mode, steps=7):
    lockstep = Lockstep(build_clocks(mode))
    now, rows = lockstep.reset(seed=0), []
    for _ in range(steps):
        outcome, following = lockstep.step(now, np.zeros((2, 2), np.int64))
        rows.append((now, outcome))
        now = following
    return rows


@pytest.mark.parametrize("mode", AutoresetMode)
def test_every_mode_shows_the_same_episodes(mode):
    for row, number in enumerate((2, 3)):
        seen, final, starts = [], [], []
        for now, outcome in walk(mode):
            if now.idle[row]:
                assert not outcome.ended[row]
                continue
            seen.append(now.observations[row, 1])
            starts.append(now.starts[row])
            if outcome.truncated[row]:
                final.append(outcome.final_observations[row].tolist())
        assert seen == [step % number for step in range(len(seen))]
        assert starts == [step % number == 0 for step in range(len(seen))]
        assert final == [[number, number]] * len(final)
        assert len(final) > 0


def test_only_the_next_step_mode_has_idle_rows():
    idle = {mode: sum(now.idle.sum() for now, _ in walk(mode)) for mode in AutoresetMode}
    assert idle[AutoresetMode.NEXT_STEP] == 3
    assert idle[AutoresetMode.SAME_STEP] == idle[AutoresetMode.DISABLED] == 0


class Broken(Clock):
    """Pays or shows what is no number in its second step."""

    def __init__(self, number, *, reward=1.0, shown=0.0):
        super().__init__(number)
        self.broken = reward, shown

    def step(self, action):
        seen, reward, *ends, info = super().step(action)
        if self.steps == 2:
            reward, shown = self.broken
            seen[1] += shown
        return seen, reward, *ends, info


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"reward": np.inf}, "rewards of an environment must be finite, got inf in environment 1:"),
        ({"reward": np.nan}, "rewards of an environment must be finite, got nan in environment 1:"),
        ({"shown": np.nan}, "observations of .* finite, got nan in environment 1, feature 1:"),
    ],
)
def test_what_is_no_number_is_refused_with_its_place(broken, message):
    env = SyncVectorEnv(
        [lambda: Clock(9), lambda: Broken(9, **broken)], autoreset_mode=AutoresetMode.SAME_STEP
    )
    lockstep = Lockstep(env)
    now, actions = lockstep.reset(seed=0), np.zeros((2, 2), np.int64)
    _, now = lockstep.step(now, actions)
    with pytest.raises(ConfigError, match=message):
        lockstep.step(now, actions)


@pytest.mark.parametrize("mode", AutoresetMode)
def test_masks_belong_to_the_observation_beside_them(mode):
    env = SyncVectorEnv([lambda: ProbeEnv(probe="RememberBit5")] * 3, autoreset_mode=mode)
    lockstep = Lockstep(env)
    now = lockstep.reset(seed=0)
    for _ in range(14):
        is_asked = now.observations[:, 1] == 1
        assert np.array_equal(now.masks[:, 1], is_asked | now.idle)
        _, now = lockstep.step(now, np.zeros((3, 1), np.int64))


def test_the_environment_says_what_its_action_and_its_episodes_are():
    env = ProbeVectorEnv(2, probe="ConditionalHead")
    lockstep = Lockstep(env)
    assert lockstep.action_spec == env.action_spec
    assert lockstep.episode_length == 1
    assert lockstep.stateful is env


def test_without_masks_everything_is_legal_and_heads_are_independent():
    lockstep = Lockstep(build_clocks(AutoresetMode.SAME_STEP))
    assert lockstep.action_spec == ActionSpec.independent([2, 3])
    assert lockstep.observation_spec.size == 2
    assert lockstep.episode_length is None
    assert lockstep.stateful is None
    assert lockstep.reset(seed=0).masks.tolist() == [[True] * 5] * 2


def test_a_discrete_action_is_one_head_counted_from_its_start():
    env = SyncVectorEnv([lambda: Clock(5, Discrete(3, start=4))])
    lockstep = Lockstep(env)
    assert lockstep.action_spec.nvec == (3,)
    lockstep.step(lockstep.reset(seed=0), np.array([[2]]))
    assert env.envs[0].taken == [6]


def test_an_environment_that_does_not_name_its_mode_is_refused():
    env = build_clocks(AutoresetMode.SAME_STEP)
    env.metadata = {}
    with pytest.raises(ConfigError, match="must name its autoreset_mode, got None"):
        Lockstep(env)


@pytest.mark.parametrize(
    ("spaces", "match"),
    [
        ({"action_space": Box(0.0, 1.0, (2,))}, "actions must be MultiDiscrete .* got Box"),
        ({"action_space": MultiDiscrete([[2], [3]])}, "actions must be MultiDiscrete .* got Multi"),
        ({"observation_space": Discrete(3)}, "observations must be a Box .* got Discrete"),
        ({"observation_space": Box(0.0, 1.0, (2, 2))}, "observations must be a Box .* got Box"),
    ],
)
def test_spaces_that_cannot_be_learned_on_are_refused(spaces, match):
    env = build_clocks(AutoresetMode.SAME_STEP)
    for name, space in spaces.items():
        setattr(env, f"single_{name}", space)
    with pytest.raises(ConfigError, match=match):
        Lockstep(env)


def test_a_specification_that_does_not_fit_the_spaces_is_refused():
    env = build_clocks(AutoresetMode.SAME_STEP)
    env.action_spec = ActionSpec.independent([2, 2])
    with pytest.raises(ConfigError, match=r"got heads \(2, 2\) for \(2, 3\)"):
        Lockstep(env)


class Blunt(ProbeVectorEnv):
    """Gives its information as a test wants it."""

    def __init__(self, info, probe="ConditionalHead"):
        super().__init__(2, probe=probe)
        self.info = info

    def reset(self, **keywords):
        return super().reset(**keywords)[0], self.info

    def step(self, actions):
        observations, rewards, ended, _, _ = super().step(actions)
        return observations, rewards, ~ended, ended, self.info


def test_heads_with_parents_need_the_conditional_mask():
    with pytest.raises(ConfigError, match="must hold action_mask_by_op"):
        Lockstep(Blunt({"action_mask": np.ones((2, 5), np.bool_)})).reset()


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(ShapeError, match=r"must have shape \(2, 8\), got \(2, 7\)"):
        Lockstep(Blunt({"action_mask_by_op": np.ones((2, 7), np.bool_)})).reset()


def test_a_truncated_episode_without_its_last_observation_is_refused():
    lockstep = Lockstep(Blunt({}, probe="ActionOnly"))
    now = lockstep.reset(seed=0)
    with pytest.raises(ConfigError, match="must hold final_obs"):
        lockstep.step(now, np.zeros((2, 1), np.int64))
