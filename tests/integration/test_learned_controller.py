"""The learner in real environments: rows, ratios, scales, layouts and checkpoints."""

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, MultiDiscrete
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from tamiyo.contracts import (
    AdaptationCommand,
    ArtifactError,
    ConfigError,
    InvariantError,
    LifecycleOp,
    UpdateCompleted,
)
from tamiyo.environment import SurrogateVectorEnv, build_tiny_config, solve
from tamiyo.learning import Normalization, PPOConfig, Trainer, TrainerConfig, load_policy
from tamiyo.learning.checkpoint import Checkpoint
from tamiyo.learning.collecting import play_episodes
from tamiyo.learning.ppo import _Lesson
from tamiyo.observation import is_allowed
from tamiyo.policy import NetworkConfig
from tamiyo.telemetry import MemorySink

NETWORK = NetworkConfig(hidden=16, slot_hidden=8)
CONFIG = TrainerConfig(total_steps=10_000, rollout_steps=13, network=NETWORK)
PLAIN = replace(
    CONFIG,
    rollout_steps=7,
    normalize_observations=False,
    ppo=PPOConfig(normalization=Normalization.NONE),
)


def build_surrogate(num_envs=4, **settings):
    """Episodes of 10 decisions, so that rollouts of 13 cut some and hold several."""
    return SurrogateVectorEnv(num_envs, **{"slots": 2, "max_epochs": 15} | settings)


def build_trainer(env=None, config=CONFIG, **options):
    return Trainer(env or build_surrogate(), config, **{"seed": 0} | options)


class Tagged(gymnasium.Env):
    """Shows its number, episode and step, and all else it says follows from the three.

    An episode has two steps more than its number says; then it terminates, is truncated, or both.
    """

    observation_space = Box(0.0, 99.0, (3,), np.float32)
    action_space = MultiDiscrete([2, 3])

    def __init__(self, number):
        self.now = np.array([number, -1, 0], np.float32)

    def reset(self, *, seed=None, options=None):
        self.now[1:] += 1, -self.now[2]
        return self.now.copy(), {"action_mask": tagged_masks(self.now)}

    def step(self, _action):
        reward = tagged_reward(self.now)
        flags = tagged_flags(self.now)
        self.now[2] += 1
        return self.now.copy(), reward, *flags, {"action_mask": tagged_masks(self.now)}


def tagged_reward(seen):
    number, episode, step = seen.T
    return number + episode / 10 + step / 100


def tagged_flags(seen):
    number, episode, step = seen.T
    ends = step == number + 1
    return ends & (episode % 3 != 1), ends & (episode % 3 != 0)


def tagged_masks(seen):
    """Forbid one of the three choices of the second head."""
    forbidden = seen.sum(-1) % 3
    return np.arange(-2, 3) != forbidden[..., None]


def build_tagged(mode):
    return SyncVectorEnv([lambda n=n: Tagged(n) for n in range(3)], autoreset_mode=mode)


@pytest.fixture(scope="module", params=list(AutoresetMode), ids=lambda mode: mode.name)
def tagged(request):
    """A trainer whose second rollout begins inside episodes of unequal lengths."""
    trainer = build_trainer(build_tagged(request.param), PLAIN, check_invariants=True)
    trainer.update()
    trainer.collect()
    return trainer


@pytest.mark.requirement("5.1")
def test_every_field_of_a_row_tells_of_the_same_moment(tagged):
    rollout = tagged.buffer.rollout
    for row in range(3):
        valid = rollout.valid[:, row]
        seen = rollout.observations[valid, row].numpy()
        terminated, truncated = tagged_flags(seen)
        assert (seen[:, 0] == row).all()
        assert (np.diff(seen[:, 1] * 10 + seen[:, 2]) > 0).all()
        np.testing.assert_allclose(rollout.rewards[valid, row], tagged_reward(seen), rtol=1e-6)
        np.testing.assert_array_equal(rollout.masks[valid, row], tagged_masks(seen))
        np.testing.assert_array_equal(rollout.terminated[valid, row], terminated)
        np.testing.assert_array_equal(rollout.truncated[valid, row], truncated)
        np.testing.assert_array_equal(rollout.episode_starts[valid, row], seen[:, 2] == 0)


def look_ahead(trainer):
    """Value what follows every row of a rollout, ``[T, N]``, had no episode begun anew."""
    rollout, network = trainer.buffer.rollout, trainer.network
    seen, masks = rollout.observations.flatten(0, 1), rollout.masks.flatten(0, 1)
    states = rollout.states.movedim(0, 2).flatten(2, 3)
    acted = network.act(seen, masks, states, deterministic=True, generator=torch.Generator())
    values = network.value(seen + torch.tensor([0.0, 0.0, 1.0]), acted.state)
    return values.unflatten(0, rollout.valid.shape)


@pytest.mark.requirement("0.1", "5.3")
def test_a_bootstrap_value_is_that_of_its_environment_with_the_carried_state(tagged):
    rollout = tagged.buffer.rollout
    following = look_ahead(tagged)
    goes_on = rollout.valid[-1] & ~rollout.ended[-1]
    assert goes_on.any()
    assert not goes_on.all()
    assert rollout.truncated.any()
    expected = following.where(rollout.truncated, 0.0)
    torch.testing.assert_close(rollout.bootstrap_values, expected)
    torch.testing.assert_close(rollout.cut_values, following[-1].where(goes_on, 0.0))
    assert len(set(rollout.cut_values[goes_on].tolist())) == goes_on.sum()


def find_ratios(trainer):
    rollout = trainer.buffer.rollout
    evaluation = trainer.network.evaluate(
        rollout.observations,
        trainer.network.trace(rollout.masks, rollout.actions),
        rollout.episode_starts,
        rollout.states[0],
    )
    return (evaluation.log_probs - rollout.log_probs).sum(-1).exp()[rollout.valid]


@pytest.mark.requirement("5.4")
def test_the_ratio_is_one_for_episodes_of_unequal_lengths(tagged):
    assert not tagged.buffer.rollout.episode_starts[0].all()
    assert (find_ratios(tagged) - 1).abs().max() < 1e-5


@pytest.mark.requirement("0.1", "5.4")
def test_memory_is_carried_over_a_cut():
    trainer = build_trainer()
    trainer.collect()
    last = {name: part[-1].clone() for name, part in vars(trainer.buffer.rollout).items()}
    acted = trainer.network.act(
        last["observations"],
        last["masks"],
        last["states"],
        deterministic=True,
        generator=torch.Generator(),
    )
    trainer.collect()
    assert acted.state.any()
    torch.testing.assert_close(trainer.buffer.rollout.states[0], acted.state)


@pytest.mark.requirement("6.3")
def test_nothing_is_learned_from_filler_rows():
    trainer = build_trainer(build_tagged(AutoresetMode.NEXT_STEP), PLAIN)
    trainer.collect()
    rollout = trainer.buffer.rollout
    rollout.observations.requires_grad_()
    trace = trainer.network.trace(rollout.masks, rollout.actions)
    lesson = _Lesson(rollout, trace, trainer._ppo._compute_targets(rollout), 0.1)
    loss, _ = trainer._ppo._measure(lesson, torch.arange(3))
    (gradient,) = torch.autograd.grad(loss, rollout.observations)
    heard = (gradient != 0).any(-1)
    assert torch.equal(heard, rollout.valid)
    assert not rollout.valid.all()


@pytest.mark.parametrize("settings", [{}, {"recurrent": False}, {"layers": 2}], ids=str)
@pytest.mark.parametrize("telemetry", [False, True])
@pytest.mark.requirement("5.4")
def test_the_ratio_is_one_in_rollouts_of_the_surrogate(telemetry, settings):
    config = replace(CONFIG, rollout_steps=23, network=replace(NETWORK, **settings))
    trainer = build_trainer(build_surrogate(telemetry=telemetry), config, check_invariants=True)
    trainer.update()
    trainer.collect()
    rollout = trainer.buffer.rollout
    assert not rollout.episode_starts[0].any()  # cut by the rollout before
    assert rollout.episode_starts.sum(0).min() == 2
    assert (find_ratios(trainer) - 1).abs().max() < 1e-5


@pytest.mark.parametrize("telemetry", [False, True])
@pytest.mark.requirement("1.5")
def test_either_layout_goes_through_a_whole_round(tmp_path, telemetry):
    trainer = build_trainer(build_surrogate(telemetry=telemetry))
    report = trainer.update()
    size, version = (153, "growth-1/39+26") if telemetry else (101, "growth-1/39")
    assert trainer.buffer.rollout.observations.shape == (13, 4, size)
    assert report.policy.optimizer_steps > 0
    assert report.heads["blueprint"].conditional_entropy["GERMINATE"] > 0.9
    assert report.alarms == ()
    assert report.rollout.transitions == report.advantages.count == trainer.steps == 13 * 4
    (tmp_path / "file").write_bytes(trainer.encode_checkpoint())
    assert load_policy(tmp_path / "file").specs.observation.version == version


@pytest.mark.parametrize("telemetry", [False, True])
@pytest.mark.requirement("1.5")
def test_a_checkpoint_of_one_layout_refuses_the_other(tmp_path, telemetry):
    (tmp_path / "file").write_bytes(
        build_trainer(build_surrogate(telemetry=telemetry)).encode_checkpoint()
    )
    other = build_surrogate(telemetry=not telemetry)
    sizes = (r"\+26 \(153\)", r"39 \(101\)")
    own, others = sizes if telemetry else sizes[::-1]
    message = f"policy's layout growth-1/.*{own} .*, got layout growth-1/.*{others} "
    trainer = build_trainer(other)
    before = trainer.encode_checkpoint()
    with pytest.raises(ArtifactError, match=message):
        trainer.load_checkpoint(tmp_path / "file")
    assert trainer.encode_checkpoint() == before


@pytest.mark.requirement("1.4")
def test_features_are_float32_and_masks_bool_from_environment_to_distribution():
    env = build_surrogate(telemetry=True)
    trainer = build_trainer(env)
    seen = set()
    trainer.network.encoder.register_forward_pre_hook(
        lambda _module, given: seen.add(("features", given[0].dtype))
    )
    trainer.network.heads.register_forward_pre_hook(
        lambda _module, given: seen.add(("masks", given[1].dtype))
    )
    trainer.update()
    assert seen == {("features", torch.float32), ("masks", torch.bool)}
    for observations, *_, info in (env.reset(), env.step(env.action_space.sample())):
        assert observations.dtype == np.float32
        assert info["action_mask"].dtype == info["action_mask_by_op"].dtype == np.bool_


class Told(gymnasium.vector.VectorWrapper):
    """Keeps what the environments said of the actions."""

    def __init__(self, env):
        super().__init__(env)
        self.valid = []

    def step(self, actions):
        outcome = super().step(actions)
        self.valid.append(outcome[-1]["action_valid"])
        return outcome


@pytest.mark.requirement("3.1")
def test_what_the_policy_draws_is_executed():
    env = Told(build_surrogate(8))
    trainer = build_trainer(env, replace(CONFIG, rollout_steps=60))
    trainer.update()
    rollout, spec = trainer.buffer.rollout, trainer.specs.actions
    drawn = rollout.masks.flatten(0, 1).numpy(), rollout.actions.flatten(0, 1).numpy()
    assert np.all(env.valid)
    assert is_allowed(spec, *drawn).all()
    assert len(rollout.actions[..., 0].unique()) > 3


class Recorder(Trainer):
    """Keeps the raw observations of every rollout."""

    def collect(self, *given):
        collected = super().collect(*given)
        seen = collected.observations[self.buffer.rollout.valid]
        self.raw = (*getattr(self, "raw", ()), seen)
        return collected


@pytest.mark.requirement("2.2")
def test_observations_are_scaled_by_what_was_known_before_the_rollout():
    trainer = Recorder(build_surrogate(), CONFIG, seed=0)
    trainer.train(updates=2)
    known = torch.cat(trainer.raw).double().numpy()
    trainer.collect()
    base = list(trainer.specs.observation.base_indices)
    mean, deviation = known[:, base].mean(0), known[:, base].std(0)
    scaled = (trainer.raw[-1][:, base].numpy() - mean) / np.where(deviation > 1e-4, deviation, 1.0)
    stored = trainer.buffer.rollout.observations.flatten(0, 1)[:, base]
    np.testing.assert_allclose(stored, scaled.clip(-10, 10), atol=1e-4)


@pytest.mark.requirement("2.2")
def test_judging_a_policy_changes_nothing_of_its_training(tmp_path):
    trainer = build_trainer()
    trainer.update()
    before = trainer.encode_checkpoint()
    (tmp_path / "file").write_bytes(before)
    loaded = load_policy(tmp_path / "file")
    played = play_episodes(trainer.policy, build_surrogate(), episodes=8, seed=5)
    assert trainer.encode_checkpoint() == before
    raw = torch.rand(3, loaded.specs.observation.size)
    assert torch.equal(loaded.normalizer.normalize(raw), trainer.policy.normalizer.normalize(raw))
    assert not torch.equal(loaded.normalizer.normalize(raw), raw)
    assert len(played) == 8


@pytest.mark.parametrize("normalization", Normalization)
@pytest.mark.requirement("5.5")
def test_the_reward_in_the_buffer_is_the_one_in_the_log(normalization):
    sink = MemorySink()
    config = replace(PLAIN, ppo=PPOConfig(normalization=normalization))
    trainer = build_trainer(build_tagged(AutoresetMode.NEXT_STEP), config, sink=sink)
    trainer.update()
    scale = trainer._rewards.scale.clone()
    report = trainer.update()
    rollout, valid = trainer.buffer.rollout, trainer.buffer.rollout.valid
    assert report.rollout.reward_raw == pytest.approx(rollout.rewards_raw[valid].mean().item())
    assert report.rollout.reward_normalized == pytest.approx(rollout.rewards[valid].mean().item())
    assert torch.equal(rollout.rewards, rollout.rewards_raw * scale)
    assert (scale != 1).item() == (normalization == Normalization.REWARDS)
    values_are_scaled = bool(trainer._ppo.value_normalizer.updates)
    assert values_are_scaled == (normalization == Normalization.VALUES)
    assert sink.events[-1] == UpdateCompleted(report=report)


CELLS = {
    "scaled rewards": replace(CONFIG, ppo=PPOConfig(normalization=Normalization.REWARDS)),
    "no memory": replace(CONFIG, network=replace(NETWORK, recurrent=False)),
    "per-head clipping": replace(
        CONFIG, ppo=PPOConfig(clip="per_head", conditional_entropy_coefficient=0.01)
    ),
}


@pytest.mark.parametrize("config", CELLS.values(), ids=CELLS)
def test_a_stopped_training_goes_on_as_if_it_had_not_been_stopped(tmp_path, config):
    whole, parts = MemorySink(), MemorySink()
    trainer = build_trainer(sink=whole, config=config)
    trainer.train(updates=2)
    first = build_trainer(sink=parts, config=config)
    first.update()
    (tmp_path / "file").write_bytes(first.encode_checkpoint())
    second = build_trainer(sink=parts, config=config)
    second.load_checkpoint(tmp_path / "file")
    second.update()
    assert second.encode_checkpoint() == trainer.encode_checkpoint()
    assert parts.events == whole.events


def test_without_a_state_of_the_environment_episodes_begin_anew(tmp_path):
    env = build_tagged(AutoresetMode.NEXT_STEP)
    first, second = (build_trainer(env, PLAIN) for _ in range(2))
    first.train(updates=2)
    (tmp_path / "file").write_bytes(first.encode_checkpoint())
    second.load_checkpoint(tmp_path / "file")
    assert (second.updates, second.steps) == (2, first.steps)
    pairs = zip(first.network.parameters(), second.network.parameters(), strict=True)
    assert all(torch.equal(old, new) for old, new in pairs)
    second.update()
    assert second.buffer.rollout.episode_starts[0].all()
    assert not second.buffer.rollout.states[0].any()


@pytest.mark.requirement("6.4")
def test_an_update_that_went_wild_raises_its_alarms():
    wild = PPOConfig(learning_rate=0.3, target_kl=float("inf"), inner_epochs=8)
    report = build_trainer(config=replace(CONFIG, ppo=wild)).update()
    assert any(alarm.startswith("divergence of the policy was") for alarm in report.alarms)


def test_a_checkpoint_cut_short_anywhere_is_refused(tmp_path):
    content = build_trainer().encode_checkpoint()
    for length in (0, 7, 8, 100, len(content) // 2, len(content) - 1):
        (tmp_path / "file").write_bytes(content[:length])
        with pytest.raises(ArtifactError, match="must be a whole file of tensors, got"):
            Checkpoint.load(tmp_path / "file")


class Broken(Tagged):
    """Goes wrong at the third step of an episode."""

    def __init__(self, number, reward=0.0, choices=3):
        super().__init__(number)
        self.reward, self.choices = reward, choices

    def step(self, action):
        observation, _, terminated, truncated, info = super().step(action)
        wrong = self.now[2] == 3
        if wrong:
            info["action_mask"][2 : 5 - self.choices] = False
            info["action_mask"][5 - self.choices :] = self.choices > 0
        return observation, self.reward if wrong else 0.0, terminated, truncated, info


@pytest.mark.parametrize(
    ("settings", "refusal", "message"),
    [
        (
            {"reward": float("nan")},
            ConfigError,
            "rewards of an environment must be finite, got nan",
        ),
        (
            {"choices": 0},
            InvariantError,
            r"head_1 must take a legal choice, got .* legal choices \[\]",
        ),
    ],
    ids=["reward", "choices"],
)
def test_an_environment_that_breaks_stops_the_training_before_it_learns(settings, refusal, message):
    env = SyncVectorEnv([lambda: Broken(5, **settings)] * 2)
    trainer = build_trainer(env, PLAIN)
    before = [parameter.clone() for parameter in trainer.network.parameters()]
    with pytest.raises(refusal, match=message):
        trainer.update()
    pairs = zip(before, trainer.network.parameters(), strict=True)
    assert all(torch.equal(old, new) for old, new in pairs)


@pytest.mark.requirement("1.1")
def test_a_policy_for_three_slots_plays_hosts_of_five():
    trainer = build_trainer(build_surrogate(slots=3))
    trainer.update()
    env = build_surrogate(64, slots=5)
    other = build_trainer(env)
    policy = other.policy
    policy.network.load_state_dict(trainer.policy.network.state_dict())
    policy.normalizer.load_state_dict(trainer.policy.normalizer.state_dict())
    observations, info = env.reset(seed=1)
    state, slots = policy.network.initial_state(64), set()
    generator = torch.Generator().manual_seed(0)
    for _ in range(env.episode_length):
        actions, state = policy.act(
            observations,
            info["action_mask_by_op"],
            state,
            deterministic=False,
            generator=generator,
        )
        observations, _, _, _, info = env.step(actions)
        slots |= set(actions[:, 1].tolist())
        assert info["action_valid"].all()
    assert slots == set(range(5))


def value_after(trainer, env, **command):
    """Values in points after three epochs of waiting and a command, ``[N]``."""
    policy, slot_ids = trainer.policy, env.config.slot_ids
    observations, info = env.reset(seed=7)
    state = policy.network.initial_state(env.num_envs)
    wait = AdaptationCommand(op=LifecycleOp.WAIT)
    last = AdaptationCommand(slot_id=slot_ids[0], **command)
    for chosen in (wait, wait, wait, last):
        _, state = policy.act(
            observations,
            info["action_mask_by_op"],
            state,
            deterministic=True,
            generator=torch.Generator(),
        )
        action = chosen.to_action(slot_ids)
        observations, _, _, _, info = env.step(np.tile(action, (env.num_envs, 1)))
    seen = policy.normalizer.normalize(torch.from_numpy(observations))
    return trainer._ppo.value_normalizer.denormalize(policy.network.value(seen, state))


@pytest.mark.slow
@pytest.mark.requirement("3.3")
def test_a_fresh_seed_moves_the_value_of_a_state_by_less_than_it_can_earn():
    family = build_tiny_config()
    trainer = Trainer(SurrogateVectorEnv(64, family), TrainerConfig(total_steps=20_000), seed=0)
    trainer.train()
    env, most = SurrogateVectorEnv(64, family), solve(family).gain_by_need.max()
    without = value_after(trainer, env, op=LifecycleOp.WAIT)
    assert 0.3 * most < without.mean() < most
    for blueprint in family.blueprints:
        with_seed = value_after(trainer, env, op=LifecycleOp.GERMINATE, blueprint=blueprint)
        assert (with_seed - without).abs().max() < most / 2
        assert not torch.equal(with_seed, without)
