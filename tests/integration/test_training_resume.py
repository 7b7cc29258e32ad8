"""A training that is stopped and taken up again, in the middle of episodes and of its alarms."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import pytest
import torch

from tamiyo.environment import (
    Baseline,
    HostEnvConfig,
    HostVectorEnv,
    ProbeVectorEnv,
    SurrogateVectorEnv,
)
from tamiyo.learning import Normalization, PPOConfig, Trainer, TrainerConfig
from tamiyo.learning.checkpoint import Checkpoint
from tamiyo.policy import NetworkConfig
from tamiyo.rewards import RewardConfig, RewardPreset
from tamiyo.telemetry import MemorySink

# Rollouts of 13 steps cut episodes of 6 at another place each time.
CONFIG = TrainerConfig(total_steps=10_000, rollout_steps=13, network=NetworkConfig(hidden=8))
RESCALED = TrainerConfig(
    total_steps=10_000,
    rollout_steps=13,
    network=NetworkConfig(hidden=8, layers=2),
    ppo=PPOConfig(gamma=0.9, normalization=Normalization.REWARDS),
)


def build_probe(config, sink=None):
    return Trainer(ProbeVectorEnv(4, probe="RememberBit5"), config, seed=0, sink=sink)


def build_surrogate(sink=None):
    return Trainer(SurrogateVectorEnv(4), CONFIG, seed=0, sink=sink)


def build_cartpole():
    env = gymnasium.make_vec("tamiyo.environment:tamiyo/CartPoleNoVelocity-v0", num_envs=4)
    return Trainer(env, CONFIG, seed=0)


def save(trainer, path):
    path.write_bytes(trainer.encode_checkpoint())
    return path


@pytest.mark.parametrize("config", [CONFIG, RESCALED], ids=["values", "rewards"])
def test_ten_updates_are_five_and_five(tmp_path, config):
    whole, parts = MemorySink(), MemorySink()
    trainer = build_probe(config, whole)
    trainer.train(updates=10)
    first = build_probe(config, parts)
    first.train(updates=5)
    path = save(first, tmp_path / "checkpoint")
    second = build_probe(config, parts)
    second.load_checkpoint(path)
    second.train(updates=5)
    assert second.encode_checkpoint() == trainer.encode_checkpoint()
    assert parts.encode() == whole.encode()
    assert not trainer.buffer.rollout.episode_starts[0].any()


class StopAt:
    """Asks for a stop at some of the times it is asked."""

    def __init__(self, *times):
        self._times = set(times)
        self._asked = 0

    def __call__(self):
        self._asked += 1
        return self._asked in self._times


@pytest.mark.parametrize("step", range(1, 15))
@pytest.mark.requirement("8.3")
def test_a_rollout_stopped_at_any_step_is_finished_after_resume(tmp_path, step):
    whole, parts = MemorySink(), MemorySink()
    trainer = build_surrogate(whole)
    trainer.train(updates=3)
    first = build_surrogate(parts)
    first.train(updates=1)
    first.train(should_stop=StopAt(step))
    assert first.updates == 1 + step // 14
    second = build_surrogate(parts)
    second.load_checkpoint(save(first, tmp_path / "checkpoint"))
    second.train(updates=2 - step // 14)
    assert second.encode_checkpoint() == trainer.encode_checkpoint()
    assert parts.encode() == whole.encode()


def test_a_rollout_stopped_twice_goes_on_in_the_same_process():
    whole, parts = MemorySink(), MemorySink()
    build_surrogate(whole).train(updates=1)
    stopped = build_surrogate(parts)
    stop = StopAt(3, 6)
    assert stopped.update(stop) is None
    assert stopped.update(stop) is None
    assert (stopped.updates, stopped.steps, stopped.buffer.valid_steps) == (0, 0, 4 * 4)
    assert stopped.update(stop) is not None
    assert parts.encode() == whole.encode()


def test_a_rollout_stopped_twice_is_finished_after_the_second_resume(tmp_path):
    whole, parts = MemorySink(), MemorySink()
    trainer = build_surrogate(whole)
    trainer.train(updates=2)
    part = build_surrogate(parts)
    for stop in (StopAt(13 + 4), StopAt(6)):
        part.train(should_stop=stop)
        path = save(part, tmp_path / "checkpoint")
        part = build_surrogate(parts)
        part.load_checkpoint(path)
    assert part.buffer.valid_steps == 4 * (3 + 5)
    part.train(updates=1)
    assert part.encode_checkpoint() == trainer.encode_checkpoint()
    assert parts.encode() == whole.encode()


def build_hosts(sink):
    reward = RewardConfig.preset(RewardPreset.SPARSE)
    config = HostEnvConfig(task="digits-cnn", epochs=12, baseline=Baseline.NONE, reward=reward)
    return Trainer(HostVectorEnv(1, config), replace(CONFIG, rollout_steps=4), seed=0, sink=sink)


def test_a_rollout_of_hosts_stopped_after_an_episode_reports_all_of_it(tmp_path):
    whole, parts = MemorySink(), MemorySink()
    trainer = build_hosts(whole)
    trainer.train(updates=1)
    first = build_hosts(parts)
    first.train(should_stop=StopAt(4))  # an episode has two decisions
    second = build_hosts(parts)
    second.load_checkpoint(save(first, tmp_path / "checkpoint"))
    second.train(updates=1)
    assert second.encode_checkpoint() == trainer.encode_checkpoint()
    assert parts.encode() == whole.encode()
    assert whole.events[0].report.rollout.episodes == 2


def test_a_checkpoint_that_knew_no_partial_rollouts_is_still_gone_on_from(tmp_path):
    trainer = build_surrogate()
    trainer.train(updates=1)
    checkpoint = Checkpoint.load(save(trainer, tmp_path / "checkpoint"))
    environment = checkpoint.groups["environment"]
    old = {name: environment[name] for name in environment if not name.startswith("encoder.")}
    older = replace(checkpoint, groups={**checkpoint.groups, "environment": old})
    (tmp_path / "checkpoint").write_bytes(older.encode())
    second = build_surrogate()
    second.load_checkpoint(tmp_path / "checkpoint")
    for one in (trainer, second):
        one.train(updates=1)
    assert second.encode_checkpoint() == trainer.encode_checkpoint()


def test_a_checkpoint_holds_a_rollout_while_it_is_partial_only(tmp_path):
    trainer = build_surrogate()
    held = []
    for times in ((6,), (9,)):
        trainer.train(should_stop=StopAt(*times), updates=1)
        held.append(Checkpoint.load(save(trainer, tmp_path / "checkpoint")).groups)
    assert {len(rows) for rows in held[0]["rollout"].values()} == {5}
    assert held[0]["collector"]["seen"].shape == (5, 4, 140)
    assert "rollout" not in held[1]
    assert "seen" not in held[1]["collector"]


def test_a_partial_rollout_that_cannot_be_taken_up_is_left_out(tmp_path):
    first = build_cartpole()
    first.train(updates=1)
    assert first.update(StopAt(5)) is None
    second = build_cartpole()
    second.load_checkpoint(save(first, tmp_path / "checkpoint"))
    assert not second.buffer.is_partial
    second.train(updates=1)
    assert second.updates == 2


def test_a_checkpoint_loaded_and_saved_again_is_the_same(tmp_path):
    first = build_probe(CONFIG)
    first.train(updates=2)
    path = save(first, tmp_path / "checkpoint")
    second = build_probe(CONFIG)
    second.load_checkpoint(path)
    assert second.encode_checkpoint() == path.read_bytes()


def test_episodes_that_cannot_be_saved_begin_anew_with_other_draws(tmp_path):
    first = build_cartpole()
    seen = first.collect().observations[0]
    first.update()
    path = save(first, tmp_path / "checkpoint")
    second, third = build_cartpole(), build_cartpole()
    for trainer in (second, third):
        trainer.load_checkpoint(path)
        assert (trainer.updates, trainer.steps) == (first.updates, first.steps)
    resumed = second.collect().observations[0]
    assert second.buffer.rollout.episode_starts[0].all()
    assert not torch.isclose(resumed, seen).any()
    assert torch.equal(resumed, third.collect().observations[0])


def test_a_checkpoint_holds_all_that_training_depends_on(tmp_path):
    trainer = build_probe(CONFIG)
    trainer.update()
    checkpoint = Checkpoint.load(save(trainer, tmp_path / "checkpoint"))
    assert set(checkpoint.groups) == {
        "network",
        "optimizer",
        "observation_normalizer",
        "reward_normalizer",
        "value_normalizer",
        "collector",
        "environment",
        "trainer",
    }
    parameters = len(list(trainer.network.parameters()))
    assert len(checkpoint.groups["optimizer"]) == 3 * parameters  # Adam's step and two moments
    assert checkpoint.facts["config"]["rollout_steps"] == 13
