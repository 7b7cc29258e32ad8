"""Does the reward want what the score wants? Rank correlation over a mixture of controllers.

Plays episodes of digits-cnn with controllers from good to harmful and compares what each episode
was paid in all with its score: once ``sparse``, once with every part of the reward (``shaped``).
Run: ``python experiments/reward_rank.py``.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from scipy.stats import spearmanr

from tamiyo.contracts import Blueprint, Head, LifecycleOp
from tamiyo.engine import ask_for_equal_bits
from tamiyo.environment import Baseline, HostEnvConfig, HostVectorEnv
from tamiyo.observation import sample_uniform
from tamiyo.rewards import RewardConfig, RewardPreset

if TYPE_CHECKING:
    from numpy.typing import NDArray

FIRST_SEED: Final = 50_000_000
_CANDIDATES: Final = 32
_GROWING: Final = (LifecycleOp.GERMINATE, LifecycleOp.ADVANCE, LifecycleOp.FOSSILIZE)
_ANY: Final = tuple(LifecycleOp)


@dataclass(frozen=True)
class Rule:
    """A random controller that acts in some epochs, with some ops and blueprints only."""

    share: float
    ops: tuple[LifecycleOp, ...] = _ANY
    blueprints: tuple[Blueprint, ...] = tuple(Blueprint)

    def accepts(self, op: int, blueprint: int) -> bool:
        """Say whether it would do that."""
        return op in self.ops and (op != LifecycleOp.GERMINATE or blueprint in self.blueprints)


RULES: Final = {
    "waits": Rule(0.0),
    "acts at random, seldom": Rule(0.05),
    "acts at random, often": Rule(0.3),
    "acts at random, always": Rule(1.0),
    "grows anything, early": Rule(0.5, _GROWING),
    "grows anything, seldom": Rule(0.1, _GROWING),
    "grows norms": Rule(0.3, _GROWING, (Blueprint.NORM,)),
    "grows light convolutions": Rule(0.3, _GROWING, (Blueprint.CONV_LIGHT,)),
    "grows heavy convolutions": Rule(0.3, _GROWING, (Blueprint.CONV_HEAVY,)),
    "plants and prunes": Rule(0.5, (LifecycleOp.GERMINATE, LifecycleOp.ADVANCE, LifecycleOp.PRUNE)),
}


def main() -> None:
    """Play and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=16, help="of each controller")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ask_for_equal_bits()
    for preset in RewardPreset:
        paid, scores = play(RewardConfig.preset(preset), arguments.episodes)
        rank = spearmanr(paid.ravel(), scores.ravel()).statistic
        within = [spearmanr(*pair).statistic for pair in zip(paid.T, scores.T, strict=True)]
        print(
            f"\n{preset}: rank correlation {rank:.3f} over {paid.size} episodes, "
            f"{np.mean(within):.3f} among the controllers of one seed\n"
        )
        print("| controller | paid | score |\n|---|---|---|")
        for name, one, other in zip(RULES, paid, scores, strict=True):
            print(f"| {name} | {one.mean():+.2f} | {other.mean():.2f} |")


def play(reward: RewardConfig, episodes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Play every rule on the same seeds; returns paid and score, points, ``[rules, episodes]``."""
    rules = [rule for rule in RULES.values() for _ in range(episodes)]
    env = HostVectorEnv(len(rules), HostEnvConfig(reward=reward, baseline=Baseline.NONE))
    rng = np.random.default_rng(0)
    _, info = env.reset(seed=[FIRST_SEED + place % episodes for place in range(len(rules))])
    paid, scores = np.zeros(len(rules)), np.zeros(len(rules))
    for _ in range(env.episode_length):
        actions = _choose(rules, env, info["action_mask_by_op"], rng)
        _, rewards, terminated, _, info = env.step(actions)
        paid += rewards
        if terminated.any():
            scores[terminated] = info["final_info"]["score"][terminated]
    env.close()
    return paid.reshape(len(RULES), episodes), scores.reshape(len(RULES), episodes)


def _choose(
    rules: list[Rule], env: HostVectorEnv, masks: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Take the first of some random legal actions that a rule accepts, or wait."""
    heads = [head.name for head in env.action_spec.heads]
    op, blueprint = heads.index(Head.OP), heads.index(Head.BLUEPRINT)
    chosen = np.zeros((len(rules), len(heads)), dtype=np.int64)
    is_open = np.array([rng.random() < rule.share for rule in rules])
    for _ in range(_CANDIDATES):
        drawn = sample_uniform(env.action_spec, masks, rng)
        for place in np.flatnonzero(is_open):
            if rules[place].accepts(drawn[place, op], drawn[place, blueprint]):
                chosen[place] = drawn[place]
                is_open[place] = False
    return chosen


if __name__ == "__main__":
    main()
