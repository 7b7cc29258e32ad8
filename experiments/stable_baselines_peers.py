"""How far do sb3-contrib's learners come on the surrogate, on as many steps as ours?

MaskablePPO has masks but no memory, and its heads do not know of each other; RecurrentPPO has
memory but no masks. Both get our discount, environments and rollout, observations and rewards
normalized, and a learning rate chosen by shorter runs. Each run is judged on the episodes that
``surrogate_learning.py`` judges ours on. Rows are kept in ``docs/results/surrogate_peers.json``: a
run that is there is not made again. Run: ``python experiments/stable_baselines_peers.py``; the
table alone: ``--report``.
"""

from __future__ import annotations

import argparse
import json
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3.common.vec_env import VecNormalize

from tamiyo.environment import SurrogateVectorEnv
from tamiyo.environment.stable_baselines import as_stable_baselines
from tamiyo.learning import TrainerConfig

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results" / "surrogate_peers.json"
EPISODES, FIRST_SEED = 256, 10_000_000
ENVS = 64

PEERS = {
    "MaskablePPO": (MaskablePPO, "MlpPolicy", 1e-3),
    "RecurrentPPO": (RecurrentPPO, "MlpLstmPolicy", 1e-3),
}
"""Name to algorithm, policy and learning rate at the start."""
SETTINGS: dict[str, Any] = {
    "n_steps": 25,
    "batch_size": 800,
    "n_epochs": 4,
    "gamma": 1.0,
    "gae_lambda": 0.95,
    "clip_range": 0.2,
    "ent_coef": 0.01,
    "target_kl": 0.03,
}
RECURRENT = {"lstm_hidden_size": 64}


def main() -> None:
    """Make the runs that are missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", nargs="*", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--steps", type=int, default=TrainerConfig().total_steps)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", default="{}", help="changed settings, as JSON")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--workers", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--report", action="store_true", help="print what is there, run nothing")
    arguments = parser.parse_args()
    path = arguments.results
    rows = json.loads(path.read_text()) if path.exists() else []
    if not arguments.report:
        _make_missing(rows, arguments)
    _print_table(rows)


def _make_missing(rows: list[dict[str, Any]], arguments: argparse.Namespace) -> None:
    runs = [
        {"name": name, "seed": seed, "steps": arguments.steps, "settings": settings}
        for name in arguments.peers
        for settings in [_settle(name) | json.loads(arguments.set)]
        for seed in range(arguments.seeds)
    ]
    done = [{key: row[key] for key in ("name", "seed", "steps", "settings")} for row in rows]
    todo = [run for run in runs if run not in done]
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        for row in pool.map(train, todo):
            rows.append(row)
            partial_file = arguments.results.with_suffix(".partial")
            partial_file.write_text(json.dumps(rows, indent=1))
            partial_file.replace(arguments.results)
            print(
                f"{row['name']}, seed {row['seed']}: {row['score']:.2f} "
                f"in {row['cpu_seconds']:.0f} CPU-seconds",
                flush=True,
            )


def _settle(name: str) -> dict[str, Any]:
    settings = SETTINGS | {"learning_rate": PEERS[name][2]}
    return settings | ({"policy_kwargs": RECURRENT} if name == "RecurrentPPO" else {})


def train(run: dict[str, Any]) -> dict[str, Any]:
    """Train one controller and judge it; the learning rate falls to a tenth."""
    torch.set_num_threads(1)
    algorithm, policy, _ = PEERS[run["name"]]
    settings = dict(run["settings"])
    rate = settings.pop("learning_rate")
    begun = time.process_time()
    env = VecNormalize(as_stable_baselines(SurrogateVectorEnv(ENVS)), gamma=settings["gamma"])
    model = algorithm(policy, env, learning_rate=partial(_fall, rate), seed=run["seed"], **settings)
    model.learn(run["steps"])
    spent = time.process_time() - begun
    return {**run, "score": round(judge(model, env), 4), "cpu_seconds": round(spent, 1)}


def _fall(rate: float, remaining: float) -> float:
    return rate * (0.1 + 0.9 * remaining)


def judge(model: MaskablePPO | RecurrentPPO, trained: VecNormalize) -> float:
    """Return the mean points beyond the host alone of the deterministic policy."""
    env = as_stable_baselines(SurrogateVectorEnv(EPISODES))
    env.seed(FIRST_SEED)
    observations, decide = env.reset(), _decide_with(model)
    points = np.zeros(EPISODES)
    ended = np.zeros(EPISODES, np.bool_)
    while not ended.any():  # episodes are equally long
        masks = np.stack(env.env_method("action_masks"))
        actions = decide(trained.normalize_obs(observations), masks)
        observations, rewards, ended, _ = env.step(actions)
        points += rewards
    return float(points.mean())


def _decide_with(
    model: MaskablePPO | RecurrentPPO,
) -> Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[Any]]:
    state = None

    def decide(observations: NDArray[Any], masks: NDArray[np.bool_]) -> NDArray[Any]:
        nonlocal state
        if isinstance(model, MaskablePPO):
            return model.predict(observations, action_masks=masks, deterministic=True)[0]
        starts = np.full(EPISODES, state is None)
        actions, state = model.predict(
            observations, state, episode_start=starts, deterministic=True
        )
        return actions

    return decide


def _print_table(rows: list[dict[str, Any]]) -> None:
    print("\n| learner | steps | by training seed | mean | deviation | CPU s |\n|" + "---|" * 6)
    groups: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for row in rows:
        key = row["name"], row["steps"], json.dumps(row["settings"])
        groups.setdefault(key, []).append(row)
    for (name, steps, _), mine in groups.items():
        scores = [row["score"] for row in mine]
        spent = fmean(row["cpu_seconds"] for row in mine)
        deviation = f"{stdev(scores):.2f}" if len(scores) > 1 else ""
        listing = " ".join(f"{score:.2f}" for score in scores)
        print(
            f"| {name} | {steps:,} | {listing} | {fmean(scores):.2f} | {deviation} | {spent:.0f} |"
        )


if __name__ == "__main__":
    main()
