"""The loop around the update: what runs, what is reported, what a checkpoint must agree on."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tamiyo.contracts import ArtifactError, ConfigError, UpdateCompleted
from tamiyo.environment import ProbeVectorEnv, RewardKind, SurrogateVectorEnv
from tamiyo.learning import PPOConfig, Trainer, TrainerConfig, encode_policy
from tamiyo.learning.checkpoint import Checkpoint
from tamiyo.policy import NetworkConfig
from tamiyo.telemetry import MemorySink

CONFIG = TrainerConfig(total_steps=128, rollout_steps=8, network=NetworkConfig(hidden=8))


def build(config=CONFIG, *, seed=0, envs=4, probe="RememberBit5", sink=None):
    return Trainer(ProbeVectorEnv(envs, probe=probe), config, seed=seed, sink=sink)


def test_it_trains_until_all_steps_are_made_and_reports_each_update():
    sink = MemorySink()
    trainer = build(sink=sink)
    trainer.train()
    assert (trainer.updates, trainer.steps, trainer.is_finished) == (4, 128, True)
    assert all(isinstance(event, UpdateCompleted) for event in sink.events)
    assert [event.report.steps for event in sink.events] == [32, 64, 96, 128]


def test_it_stops_when_asked_and_goes_on_after():
    trainer = build()
    trainer.train(updates=1)
    assert trainer.updates == 1
    trainer.train(should_stop=lambda: trainer.updates == 3)
    assert trainer.updates == 3
    trainer.train()
    assert trainer.is_finished


def test_it_stops_within_a_rollout_and_goes_on_with_it():
    told = []
    trainer = Trainer(ProbeVectorEnv(4, probe="RememberBit5"), CONFIG, seed=0, on_step=told.append)
    trainer.train(should_stop=lambda: told[-1:] == [44])
    assert (trainer.updates, trainer.steps, trainer.buffer.valid_steps) == (1, 32, 12)
    trainer.train(updates=1)
    assert (trainer.updates, trainer.steps) == (2, 64)
    assert told == list(range(4, 65, 4))


def test_a_rollout_is_an_episode_where_the_environment_says_how_long_that_is():
    trainer = build(replace(CONFIG, rollout_steps=None))
    assert trainer.update().rollout.transitions == 4 * 6


def test_learning_rate_falls_over_the_run():
    trainer = build()
    rates = [trainer.update().policy.learning_rate for _ in range(4)]
    assert rates[0] == CONFIG.ppo.learning_rate
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > CONFIG.ppo.learning_rate_end


def test_the_policy_it_hands_out_no_longer_changes():
    trainer = build()
    policy = trainer.policy
    before = [parameter.clone() for parameter in policy.network.parameters()]
    trainer.train()
    after = list(policy.network.parameters())
    assert all(torch.equal(old, new) for old, new in zip(before, after, strict=True))


def test_equal_seeds_train_equally_and_others_do_not():
    first, again, other = build(), build(), build(seed=1)
    reports = [trainer.update() for trainer in (first, again, other)]
    assert reports[0] == reports[1] != reports[2]


def test_what_the_environment_cuts_is_reported_by_field():
    env = SurrogateVectorEnv(4, slots=1, noise_points=60.0)
    trainer = Trainer(env, CONFIG, seed=0)
    counted = trainer.update().rollout.saturated
    cut = env.encoder.saturated()
    assert cut
    assert set(cut) <= {field.name for field in env.encoder.layout.fields}
    assert {name: counted[name] for name in cut} == cut
    first = env.encoder._known[0]
    trainer.update()
    assert env.encoder._known[0] == first  # each update counts its own rollout


def test_what_an_update_would_refuse_is_refused_at_once():
    with pytest.raises(ConfigError, match=r"minibatches must be in \[1, 4\].*, got 5"):
        build(config=replace(CONFIG, ppo=PPOConfig(minibatches=5)))
    with pytest.raises(ConfigError, match="rollout_steps must be at most 100000, got 100001"):
        replace(CONFIG, rollout_steps=100_001)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 1}, "checkpoint must have seed 1 as this run does, got 0"),
        ({"envs": 8}, "checkpoint must have num_envs 8 as this run does, got 4"),
        ({"probe": "ForbiddenBest"}, "environment must have the policy's layout .*, got layout"),
        (
            {"config": replace(CONFIG, ppo=PPOConfig(gamma=0.5))},
            r"checkpoint must have config.ppo.gamma 0.5 as this run does, got 1.0",
        ),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path, change, message):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(build().encode_checkpoint())
    with pytest.raises(ArtifactError, match=message):
        build(**change).load_checkpoint(path)


def test_a_policy_alone_is_no_training_to_go_on_with(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(build().encode_checkpoint())
    path.write_bytes(encode_policy(Checkpoint.load(path)))
    with pytest.raises(ArtifactError, match=r"a whole training to go on with, got network, obs"):
        build().load_checkpoint(path)


@pytest.mark.parametrize(
    ("setting", "value", "both"),
    [
        ("noise_points", 2.0, "2.0 as this run does, got 0.5"),
        ("rent_points", 9.0, "9.0 as this run does, got 4.0"),
        ("reward", RewardKind.SHAPED, "SHAPED as this run does, got SPARSE"),
    ],
)
def test_a_checkpoint_of_another_family_of_hosts_is_refused(tmp_path, setting, value, both):
    def build_surrogate(**settings):
        return Trainer(SurrogateVectorEnv(2, slots=1, **settings), CONFIG, seed=0)

    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(build_surrogate().encode_checkpoint())
    build_surrogate().load_checkpoint(path)
    with pytest.raises(ArtifactError, match=f"must have environment_config.{setting} {both}"):
        build_surrogate(**{setting: value}).load_checkpoint(path)


def test_a_checkpoint_that_saved_fewer_settings_is_still_loaded(tmp_path):
    path = tmp_path / "checkpoint.safetensors"
    path.write_bytes(build().encode_checkpoint())
    checkpoint = Checkpoint.load(path)
    facts = {name: fact for name, fact in checkpoint.facts.items() if name != "environment_config"}
    facts["config"] = {name: fact for name, fact in facts["config"].items() if name != "network"}
    path.write_bytes(replace(checkpoint, facts=facts).encode())
    build().load_checkpoint(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"total_steps": 0}, "total_steps must be at least 1, got 0"),
        ({"rollout_steps": 0}, "rollout_steps must be at least 1, got 0"),
    ],
)
def test_an_empty_run_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        TrainerConfig(**change)
