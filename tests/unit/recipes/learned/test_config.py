"""What a controller is trained on, by name."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import pytest
from gymnasium.vector import AutoresetMode

from tamiyo.contracts import ConfigError, UnknownNameError, decode_record, encode_record
from tamiyo.environment import Baseline, HostEnvConfig, SurrogateConfig, build_tiny_config
from tamiyo.learning import PPOConfig, TrainerConfig
from tamiyo.recipes.learned.config import (
    TrainConfig,
    build_env,
    count_rollout_steps,
    find_surrogate,
    hash_training,
)


def test_the_surrogate_is_the_configured_family():
    config = TrainConfig(envs=3, surrogate=SurrogateConfig(slots=2, noise_points=1.0))
    env = build_env(config)
    assert env.num_envs == 3
    assert env.unwrapped.config == find_surrogate(config) == config.surrogate


def test_the_tiny_surrogate_has_a_family_of_its_own():
    config = TrainConfig(env="surrogate-tiny")
    assert find_surrogate(config) == build_env(config, num_envs=1).unwrapped.config
    assert find_surrogate(config) == build_tiny_config()


@pytest.mark.parametrize("env", ["Acrobot-v1", "tamiyo/ProbeActionOnly-v0"])
def test_any_registered_environment_can_be_learned_on(env):
    made = build_env(TrainConfig(env=env, envs=2))
    assert made.num_envs == 2
    assert made.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    assert find_surrogate(TrainConfig(env=env)) is None


def test_an_unknown_environment_is_refused_with_the_known_names():
    with pytest.raises(UnknownNameError, match=r"env must be one of surrogate, .*, got 'nowhere'"):
        build_env(TrainConfig(env="nowhere"))


@pytest.mark.parametrize(
    ("env", "name"),
    [
        ("tamiyo/Surrogate-v0", "surrogate"),
        ("tamiyo.environment:tamiyo/Surrogate-v0", "surrogate"),
        ("tamiyo/SurrogateTiny-v0", "surrogate-tiny"),
    ],
)
def test_a_surrogate_is_the_same_under_its_id(env, name):
    assert TrainConfig(env=env) == TrainConfig(env=name)


def test_an_environment_can_be_named_with_the_module_that_registers_it(tmp_path, monkeypatch):
    lines = (
        "import gymnasium",
        "from gymnasium.envs.classic_control import CartPoleEnv",
        "gymnasium.register('Own-v0', entry_point=CartPoleEnv)",
    )
    (tmp_path / "own_module.py").write_text("\n".join(lines))
    monkeypatch.syspath_prepend(tmp_path)
    try:
        assert build_env(TrainConfig(env="own_module:Own-v0", envs=2)).num_envs == 2
    finally:
        gymnasium.registry.pop("Own-v0", None)


@pytest.mark.parametrize("env", ["surrogate-tiny", "Acrobot-v1"])
def test_settings_of_the_surrogate_are_refused_elsewhere(env):
    surrogate = SurrogateConfig(slots=2, noise_points=1.0)
    with pytest.raises(ConfigError, match=f"got {env} with slots 2, noise_points 1.0"):
        TrainConfig(env=env, surrogate=surrogate)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ("no_such_module:X-v0", "must be MODULE:ID with a module to import, got no_such_module:X"),
        ("Ant-v5", "must be one that Gymnasium can make here, got Ant-v5: MuJoCo is not installed"),
    ],
)
def test_what_gymnasium_cannot_make_is_refused(env, message):
    with pytest.raises(ConfigError, match=message):
        build_env(TrainConfig(env=env))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"envs": 0}, "envs must be at least 1, got 0"),
        ({"envs": 10**7}, "envs must be at most 65536, got 10000000"),
        ({"seed": -1}, "seed must be at least 0, got -1"),
        ({"checkpoint_updates": 0}, "checkpoint_updates must be at least 1, got 0"),
    ],
)
def test_numbers_outside_their_range_are_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**change)


def test_a_configuration_comes_back_from_its_plain_form_with_the_same_hash():
    config = TrainConfig(seed=3, surrogate=SurrogateConfig(needs=("context",), max_parameters=900))
    again = decode_record(TrainConfig, encode_record(config))
    assert again == config
    assert hash_training(again) == hash_training(config)
    assert hash_training(replace(config, seed=4)) != hash_training(config)


def test_a_task_is_learned_on_in_groups_that_are_their_own_baseline():
    config = TrainConfig(task="spirals", envs=8)
    env = build_env(config)
    assert (config.problem, env.num_envs) == ("spirals", 8)
    assert env.unwrapped.config == config.hosts
    assert (config.hosts.baseline, config.hosts.group_size) == (Baseline.GROUP, 8)
    assert find_surrogate(config) is None
    env.close()


def test_potentials_are_discounted_as_the_learner_discounts():
    learner = TrainerConfig(ppo=PPOConfig(gamma=0.9))
    assert TrainConfig(task="spirals", envs=8, learner=learner).hosts.gamma == 0.9


def test_a_rollout_has_the_steps_of_an_episode_in_every_environment():
    assert count_rollout_steps(TrainConfig(task="spirals", envs=16)) == 16 * 50
    assert count_rollout_steps(TrainConfig(envs=4)) == 4 * 25
    learner = TrainerConfig(rollout_steps=7)
    assert count_rollout_steps(TrainConfig(envs=4, learner=learner)) == 28


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"task": "spirals", "envs": 12}, "envs must be a multiple of the group size 8, got 12"),
        ({"task": "spirals", "env": "Acrobot-v1"}, "either task or env .* spirals and Acrobot-v1"),
        (
            {"hosts": HostEnvConfig(epochs=20, baseline=Baseline.GROUP, group_size=8)},
            "settings of hosts must go with --task, got epochs 20 without one",
        ),
    ],
)
def test_settings_of_hosts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        TrainConfig(**changes)


def test_a_training_on_a_task_survives_its_way_through_a_record():
    config = TrainConfig(task="spirals", envs=8, hosts=HostEnvConfig(epochs=20))
    assert decode_record(TrainConfig, encode_record(config)) == config
