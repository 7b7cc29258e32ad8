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
from typing import Any

import numpy as np
import torch
from sb3_contrib import MaskablePPO, RecurrentPPO
from stable_baselines3.common.vec_env import VecNormalize

from tamiyo.environment import SurrogateVectorEnv
from tamiyo.environment.stable_baselines import as_stable_baselines
from tamiyo.learning import TrainerConfig

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results" / "surrogate_peers.json"
EPISODES, FIRST_SEED = 256, 10_000_000
ENVS = 64

PEERS = {
    "MaskablePPO": (MaskablePPO, "MlpPolicy", {}),
    "RecurrentPPO": (
        RecurrentPPO,
        "MlpLstmPolicy",
        {"policy_kwargs": {"lstm_hidden_size": 64}},
    ),
}
"""Name to algorithm, policy and what is set for it alone."""
SETTINGS: dict[str, Any] = {
    "learning_rate": 3e-3,
    "n_steps": 25,
    "batch_size": 800,
    "n_epochs": 8,
    "gamma": 1.0,
    "gae_lambda": 0.95,
    "clip_range": 0.2,
    "ent_coef": 0.003,
    "target_kl": 0.03,
}
"""The learning rate falls to a tenth; 3e-4 and 1e-3 learned less in 40,000 steps."""


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
        for settings in [SETTINGS | PEERS[name][2] | json.loads(arguments.set)]
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


def train(run: dict[str, Any]) -> dict[str, Any]:
    """Train one controller and judge it."""
    torch.set_num_threads(1)
    algorithm, policy, _ = PEERS[run["name"]]
    settings = dict(run["settings"])
    rate = settings.pop("learning_rate")
    begun = time.process_time()
    env = VecNormalize(as_stable_baselines(SurrogateVectorEnv(ENVS)), gamma=settings["gamma"])
    model = algorithm(policy, env, learning_rate=partial(_fall, rate), seed=run["seed"], **settings)
    model.learn(run["steps"])
    spent = time.process_time() - begun
    return {
        **run,
        "score": judge(model, env, deterministic=True),
        "score_sampled": judge(model, env, deterministic=False),
        "cpu_seconds": round(spent, 1),
    }


def _fall(rate: float, remaining: float) -> float:
    return rate * (0.1 + 0.9 * remaining)


def judge(
    model: MaskablePPO | RecurrentPPO, trained: VecNormalize, *, deterministic: bool
) -> float:
    """Return the mean points beyond the host alone, one episode of each of the paired seeds."""
    env = as_stable_baselines(SurrogateVectorEnv(EPISODES))
    env.seed(FIRST_SEED)
    observations, state = env.reset(), None
    starts = np.ones(EPISODES, np.bool_)
    points = np.zeros(EPISODES)
    for _ in range(env.get_attr("config")[0].decision_epochs):
        seen = trained.normalize_obs(observations)
        if isinstance(model, MaskablePPO):
            masks = np.stack(env.env_method("action_masks"))
            actions, _ = model.predict(seen, action_masks=masks, deterministic=deterministic)
        else:
            actions, state = model.predict(
                seen, state, episode_start=starts, deterministic=deterministic
            )
        observations, rewards, starts, _ = env.step(actions)
        points += rewards
    return round(float(points.mean()), 4)


def _print_table(rows: list[dict[str, Any]]) -> None:
    print("\n| learner | steps | by training seed | mean | deviation | sampled | CPU s |")
    print("|---" * 7 + "|")
    groups: dict[tuple[str, int, str], list[dict[str, Any]]] = {}
    for row in rows:
        key = row["name"], row["steps"], json.dumps(row["settings"])
        groups.setdefault(key, []).append(row)
    for (name, steps, _), mine in groups.items():
        scores = [row["score"] for row in mine]
        sampled, spent = (
            fmean(row[key] for row in mine) for key in ("score_sampled", "cpu_seconds")
        )
        deviation = f"{stdev(scores):.2f}" if len(scores) > 1 else ""
        listing = " ".join(f"{score:.2f}" for score in scores)
        print(
            f"| {name} | {steps:,} | {listing} | {fmean(scores):.2f} | {deviation} "
            f"| {sampled:.2f} | {spent:.0f} |"
        )


if __name__ == "__main__":
    main()
