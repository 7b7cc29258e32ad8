"""Our recurrent PPO against sb3-contrib's RecurrentPPO, side by side on one thread.

A row times rollouts and the updates that follow them, on environments that only show again what
was recorded, so that hardly anything but the two learners is measured; a turn is three of each, one
after the other as in a training. Both have the same width of the LSTM, environments, steps and
passes, and no early stop; ours also masks, makes eight heads depend on each other, normalizes and
reports. In the first rows each library has its own default
minibatches (two per pass in ours, 128 transitions in sb3-contrib), in the others both have the
same. "Two" LSTMs, one for the actor and one for the critic, are sb3-contrib's default; "one LSTM"
serves both, as in ours, and learns nothing from the critic there.

Printed as well: the share of the machine's matrix-multiply peak that our update reaches, and steps
per CPU-second of training on the surrogate and of the surrogate alone.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from math import inf
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sb3_contrib import RecurrentPPO
from support.recorded import RecordedVectorEnv
from support.timing import Comparison, compare
from torch.utils.flop_counter import FlopCounterMode

from tamiyo.environment import ProbeVectorEnv, SurrogateVectorEnv
from tamiyo.environment.stable_baselines import as_stable_baselines
from tamiyo.learning import PPO, PPOConfig, Trainer, TrainerConfig
from tamiyo.observation import sample_uniform
from tamiyo.policy import NetworkConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_AT_MOST = 0.1
_ENDLESS = 10**9
_MATRIX = 1024
_TURN = 3
_THEIR_BATCH = 128
_ONE_LSTM = {"shared_lstm": True, "enable_critic_lstm": False}


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What both learners work on.

    Attributes:
        problem: Whose observations and heads: ``surrogate`` (140 features, 8 heads) or ``probe``
            (2 features, 1 head).
        envs: Environments.
        steps: Steps per rollout and environment.
        episode: Steps of an episode.
        hidden: Width of the LSTM.
        passes: Inner epochs.
        minibatches: Ours per pass.
        batch: Transitions of a minibatch of sb3-contrib's; as many as in ours by default.
    """

    problem: str = "surrogate"
    envs: int = 64
    steps: int = 25
    episode: int = 25
    hidden: int = 64
    passes: int = 4
    minibatches: int = 2
    batch: int | None = None

    @property
    def name(self) -> str:
        """What to print."""
        batch = self.envs * self.steps // self.minibatches
        batches = f"{batch}" if self.batch is None else f"{batch}/{self.batch}"
        return (
            f"{self.problem}, {self.envs} x {self.steps}, episodes of {self.episode}, "
            f"LSTM {self.hidden}, {self.passes} passes, batches of {batches}"
        )

    def build_env(self) -> RecordedVectorEnv:
        """Build the environments."""
        source = (
            SurrogateVectorEnv(self.envs)
            if self.problem == "surrogate"
            else ProbeVectorEnv(self.envs, probe="RememberBit100")
        )
        return RecordedVectorEnv(source, episode_steps=self.episode)


MAIN = Setting()
_CARTPOLE = Setting(problem="probe", envs=8, steps=128, passes=10, minibatches=8)
_THEIR_SHAPES = Setting(envs=8, steps=128, hidden=256, passes=10, minibatches=8)
QUICK = (replace(MAIN, batch=_THEIR_BATCH), MAIN, _CARTPOLE)
OWN_MINIBATCHES = tuple(
    replace(setting, batch=_THEIR_BATCH)
    for setting in (
        MAIN,
        replace(MAIN, hidden=128),
        replace(MAIN, hidden=256),
        replace(MAIN, envs=128),
        replace(MAIN, steps=128),
        replace(MAIN, steps=128, hidden=128),
        replace(MAIN, problem="probe", steps=128),
    )
)
SETTINGS = (
    *OWN_MINIBATCHES,
    MAIN,
    replace(MAIN, hidden=128),
    replace(MAIN, hidden=256),
    _THEIR_SHAPES,
    replace(_THEIR_SHAPES, episode=1000),
    _CARTPOLE,
    replace(_CARTPOLE, episode=1000),
)


def main() -> None:
    """Measure on one thread and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="three settings, twice: a minute")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    comparisons = []
    settings, repetitions = (QUICK, 2) if arguments.quick else (SETTINGS, arguments.repetitions)
    for comparison in compare_learners(settings, repetitions):
        comparisons.append(comparison)
        if not arguments.json:
            _print(comparison)
    figures = measure_peak_share(MAIN) | measure_peak_share(Setting(hidden=256))
    figures |= {"training on the surrogate, steps per CPU-second": measure_training()}
    figures |= {"the surrogate alone, steps per CPU-second": measure_surrogate()}
    if arguments.json:
        rows = [asdict(comparison) for comparison in comparisons]
        print(json.dumps({"comparisons": rows, "figures": figures}, indent=2))
        return
    for name, figure in figures.items():
        print(f"{name:60} {figure:12,.4g}")


def compare_learners(settings: tuple[Setting, ...], repetitions: int) -> Iterator[Comparison]:
    """Compare with both kinds of RecurrentPPO in every setting."""
    for setting in settings:
        for kind, policy in (("one LSTM", _ONE_LSTM), ("two", {})):
            turns = compare(
                f"{setting.name}; {kind}",
                _take_turn(build_trainer(setting).update),
                _take_turn(build_reference(setting, policy)),
                repetitions=repetitions,
                at_most=_AT_MOST,
            )
            yield replace(
                turns,
                ours_milliseconds=turns.ours_milliseconds / _TURN,
                reference_milliseconds=turns.reference_milliseconds / _TURN,
            )


def _take_turn(update: Callable[[], object]) -> Callable[[], object]:
    def turn() -> None:
        for _ in range(_TURN):
            update()

    return turn


def build_trainer(setting: Setting) -> Trainer:
    """Build ours."""
    config = TrainerConfig(
        total_steps=_ENDLESS,
        rollout_steps=setting.steps,
        network=NetworkConfig(hidden=setting.hidden),
        ppo=PPOConfig(inner_epochs=setting.passes, minibatches=setting.minibatches, target_kl=inf),
    )
    return Trainer(setting.build_env(), config, seed=0)


def build_reference(setting: Setting, policy: dict[str, Any]) -> Callable[[], object]:
    """Build sb3-contrib's and return what makes one rollout and learns from it."""
    transitions = setting.envs * setting.steps
    model = RecurrentPPO(
        "MlpLstmPolicy",
        as_stable_baselines(setting.build_env()),
        n_steps=setting.steps,
        batch_size=setting.batch or transitions // setting.minibatches,
        n_epochs=setting.passes,
        policy_kwargs={"lstm_hidden_size": setting.hidden, **policy},
        seed=0,
    )
    return partial(model.learn, transitions, reset_num_timesteps=False, log_interval=_ENDLESS)


def measure_peak_share(setting: Setting) -> dict[str, float]:
    """Hold the rate of our update against that of one large matrix product, taken in turn."""
    trainer = build_trainer(setting)
    ppo = PPO(trainer.network, trainer.specs.actions, PPOConfig(target_kl=inf))
    dealing = torch.Generator().manual_seed(0)
    left, right = torch.rand(2, _MATRIX, _MATRIX)

    def update() -> object:
        return ppo.update(
            trainer.buffer, learning_rate=1e-4, entropy_coefficient=0.01, generator=dealing
        )

    update_seconds, product_seconds = [], []
    for _ in range(5):
        trainer.collect()
        update_seconds.append(_time(update))
        product_seconds.extend(_time(lambda: left @ right) for _ in range(4))
    trainer.collect()
    rnn = torch.ops.aten.mkldnn_rnn_layer, torch.ops.aten.mkldnn_rnn_layer_backward
    counting = dict(zip(rnn, (_count_lstm, _count_lstm_backward), strict=True))
    with FlopCounterMode(display=False, custom_mapping=counting) as counter:
        update()
    peak = 2 * _MATRIX**3 / min(product_seconds)
    rate = counter.get_total_flops() / np.median(update_seconds)
    return {
        "measured matrix-multiply peak, GFLOP/s": peak / 1e9,
        f"update with LSTM {setting.hidden}, GFLOP": counter.get_total_flops() / 1e9,
        f"update with LSTM {setting.hidden}, share of the peak": float(rate / peak),
    }


def measure_training() -> float:
    """Train on the surrogate by default settings; steps per CPU-second."""
    trainer = Trainer(SurrogateVectorEnv(64), TrainerConfig(), seed=0)
    trainer.train(updates=3)
    before = trainer.steps
    seconds = _time(lambda: trainer.train(updates=20))
    return (trainer.steps - before) / seconds


def measure_surrogate() -> float:
    """Play random legal actions; steps of the environments alone per CPU-second."""
    env, rng = SurrogateVectorEnv(64), np.random.default_rng(0)
    _, info = env.reset(seed=0)
    seconds = []
    for _ in range(300):
        actions = sample_uniform(env.action_spec, info["action_mask_by_op"], rng)
        start = process_time()
        *_, info = env.step(actions)
        seconds.append(process_time() - start)
    return env.num_envs * len(seconds[50:]) / sum(seconds[50:])


def _count_lstm(rows: torch.Size, *weights: torch.Size, **_: object) -> int:
    """Count a layer's multiplications and additions; PyTorch's counter does not know it."""
    (steps, batch, inputs), (gates, _), (_, hidden) = rows, *weights[:2]
    return 2 * steps * batch * gates * (inputs + hidden)


def _count_lstm_backward(rows: torch.Size, *weights: torch.Size, **_: object) -> int:
    return 2 * _count_lstm(rows, *weights)


def _time(function: Callable[[], object]) -> float:
    start = process_time()
    function()
    return process_time() - start


def _print(item: Comparison) -> None:
    print(
        f"{item.name:98} {item.ours_milliseconds:9.1f} ms {item.reference_milliseconds:9.1f} ms   "
        f"{1 / item.ratio:5.1f} times faster{'' if item.reached else '   MISSED'}",
        flush=True,
    )


if __name__ == "__main__":
    main()
