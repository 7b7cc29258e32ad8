"""What does a trained controller do, need by need? And one episode, decision by decision.

Run: ``python experiments/surrogate_policy.py runs/train-surrogate-0`` (any run trained on the
surrogate); the policy takes its most probable choices on the episodes that
``surrogate_learning.py`` judges on.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from tamiyo.contracts import LifecycleOp
from tamiyo.environment import SurrogateConfig, SurrogateVectorEnv, compute_clairvoyant
from tamiyo.learning import load_policy

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPISODES, FIRST_SEED = 256, 10_000_000


def main() -> None:
    """Play the episodes and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="folder of a training")
    parser.add_argument("--episode", type=int, default=1, help="which one to print in full")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    env = SurrogateVectorEnv(EPISODES, SurrogateConfig())
    env.reset(seed=FIRST_SEED)
    needs = env.world.draws.need.copy()
    bounds = compute_clairvoyant(env.config, env.world.draws).gain
    actions, end = _play(arguments.run, env)
    print("| need | episodes | points | of | seeds kept | what is planted, most often | first in |")
    print("|---|---|---|---|---|---|---|")
    for index, name in enumerate(env.config.needs):
        rows = needs == index
        kept = (end["committed"][rows] > 0).sum(1).mean()
        gain = (end["score"] - end["host_score"])[rows].mean()
        print(
            f"| {name} | {rows.sum()} | {gain:.2f} | {bounds[rows].mean():.2f} | {kept:.1f} "
            f"| {_describe_germinations(env, actions[:, rows])} |"
        )
    episode = arguments.episode
    gain = end["score"][episode] - end["host_score"][episode]
    print(f"\nepisode {episode}, need {env.config.needs[needs[episode]]}: {gain:+.2f} points")
    for epoch, action in enumerate(actions[:, episode], start=1):
        print(f"{epoch:>3}  {' '.join(_name(env, action))}")


def _describe_germinations(env: SurrogateVectorEnv, actions: NDArray[np.int64]) -> str:
    """Say what is planted most often, wherever, and in which epoch the first seed is."""
    is_germination = actions[..., 0] == LifecycleOp.GERMINATE
    _, _, *parameters = zip(
        *(_name(env, action) for action in actions[is_germination]), strict=True
    )
    planted = Counter(zip(*parameters, strict=True))
    (favourite, count), *_ = planted.most_common(1)
    first = np.median(is_germination.argmax(axis=0) + 1)
    return f"{' '.join(favourite)} ({100 * count / planted.total():.0f} %) | epoch {first:.0f}"


def _play(run: Path, env: SurrogateVectorEnv) -> tuple[NDArray[np.int64], dict[str, Any]]:
    policy = load_policy(run / "checkpoint.safetensors")
    state = policy.network.initial_state(EPISODES)
    observations, info = env.reset(seed=FIRST_SEED)
    taken = []
    for _ in range(env.config.decision_epochs):
        actions, state = policy.act(
            observations,
            info["action_mask_by_op"],
            state,
            deterministic=True,
            generator=torch.Generator(),
        )
        taken.append(actions)
        observations, *_, info = env.step(actions)
    return np.stack(taken), info["final_info"]


def _name(env: SurrogateVectorEnv, action: NDArray[np.int64]) -> tuple[str, ...]:
    """Name the choices of the heads that the op uses."""
    spec = env.action_spec
    used = spec.used_when[int(action[0])]
    return tuple(
        head.choices[index]
        for head, index in zip(spec.heads, action, strict=True)
        if head.name in used
    )


if __name__ == "__main__":
    main()
