"""What is each part of the reward worth? Trainings on the surrogate that add one part to the score.

The surrogate pays the score alone; here the reward of real hosts is put in its place, with the
wait-only twin and the interactions of pairs that some of its parts ask for. Cells are the score,
the score with one part more at the weight it has in the shaped preset, and all parts. Controllers
are judged by what their networks score, whatever they were paid. Results are kept run by run in
``docs/results/reward_parts.json``: a run that is there is not made again.
Run: ``python experiments/reward_parts.py``; the table alone: ``--report``.
"""

from __future__ import annotations

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorWrapper

from tamiyo.contracts import EpochReport, InteractionReport, NullSink, TamiyoDecision
from tamiyo.environment import SurrogateConfig, SurrogateVectorEnv
from tamiyo.environment.surrogate import build_host_report, build_signals
from tamiyo.learning import Trainer, TrainerConfig
from tamiyo.recipes import compute_paired_interval, evaluate_policy
from tamiyo.rewards import Ending, PaidStep, RewardConfig, RewardMeter, RewardPreset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tamiyo.contracts import HostReport

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results" / "reward_parts.json"
SCORE = "score alone"
SEEDS, STEPS, ENVS = 5, 160_000, 64
EPISODES, FIRST_SEED = 256, 10_000_000
SHAPED = RewardConfig.preset(RewardPreset.SHAPED)
HOSTS = SurrogateConfig()
LEARNER = TrainerConfig(total_steps=STEPS)


def _keep(*names: str) -> RewardConfig:
    """Return the score with some of the shaped preset's weights."""
    return RewardConfig(**{name: getattr(SHAPED, name) for name in names})


CELLS = {
    SCORE: RewardConfig(),
    "bounded_attribution": _keep("attribution_weight"),
    "stage_shaping": _keep("stage_weight"),
    "compute_rent": _keep("rent_weight"),
    "alpha_shock": _keep("shock_points"),
    "intervention_cost": _keep("intervention_points"),
    "synergy": _keep("synergy_weight"),
    "hindsight_credit": _keep("hindsight_points"),
    "all parts": SHAPED,
}
"""Name to what the controllers of a cell are paid."""


class PaidByParts(VectorWrapper):
    """Surrogates that pay as real hosts do.

    Args:
        reward: Weights of the parts.
        gamma: Discount of the learner, in [0, 1].
    """

    def __init__(self, reward: RewardConfig, *, gamma: float) -> None:
        self._hosts = SurrogateVectorEnv(ENVS, HOSTS, autoreset_mode=AutoresetMode.DISABLED)
        self._twins = SurrogateVectorEnv(ENVS, HOSTS, autoreset_mode=AutoresetMode.DISABLED)
        super().__init__(self._hosts)
        self._reward, self._gamma = reward, gamma
        self._reports: list[HostReport] = []
        self._meters: list[RewardMeter] = []

    def reset(
        self,
        *,
        seed: int | Sequence[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[Any, dict[str, Any]]:
        """Begin episodes in all environments; they are of one length, so they end together."""
        self._twins.reset(seed=seed, options=options)
        begun = self._hosts.reset(seed=seed, options=options)
        self._reports = [build_host_report(self._hosts, row) for row in range(ENVS)]
        self._meters = [
            RewardMeter(self._reward, HOSTS.task, gamma=self._gamma, host=report)
            for report in self._reports
        ]
        return begun

    def step(self, actions: NDArray[np.int64]) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Carry out an action in every environment; the twins wait."""
        observations, _, terminated, truncated, info = self._hosts.step(actions)
        self._twins.step(np.zeros_like(actions))
        rewards = np.array(
            [
                self._pay(row, actions[row].tolist(), info if terminated[row] else None)
                for row in range(ENVS)
            ]
        )
        return observations, rewards, terminated, truncated, info

    def _pay(self, row: int, action: list[int], end: dict[str, Any] | None) -> float:
        before = self._reports[row]
        self._reports[row] = after = build_host_report(self._hosts, row)
        ending = None
        if end is not None:
            score, baseline = float(end["score"][row]), float(end["host_score"][row])
            ending = Ending(score=score, baseline=baseline)
        step = PaidStep(
            before=before,
            command=TamiyoDecision.from_action(action, HOSTS.slot_ids).to_command(),
            after=after,
            measured=self._measure(row),
            twin_points=build_signals(self._twins, row).control_accuracy,
            ending=ending,
        )
        return self._meters[row].pay(step).total

    def _measure(self, row: int) -> EpochReport:
        signals = build_signals(self._hosts, row)
        return EpochReport(
            epoch=signals.epoch,
            global_step=signals.global_step,
            train_loss=signals.train_loss,
            train_accuracy=signals.train_accuracy,
            control_loss=signals.control_loss,
            control_accuracy=signals.control_accuracy,
            committed_accuracy=float("nan"),
            multiply_adds=None,
            interactions=self._list_pairs(row),
        )

    def _list_pairs(self, row: int) -> tuple[InteractionReport, ...]:
        """Solve the three pairs of three slots from what each slot's two pairs come to."""
        sums = self._hosts.arrays.seeds.interaction_sum[row]
        ids = HOSTS.slot_ids
        if not np.isfinite(sums).all() or not sums.any():
            return ()
        return tuple(
            InteractionReport(
                slot_ids=(ids[one], ids[other]), points=float(sums.sum() / 2 - sums[third])
            )
            for one, other, third in ((0, 1, 2), (0, 2, 1), (1, 2, 0))
        )


def main() -> None:
    """Make the runs that are missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1, help="processes, one thread each")
    parser.add_argument("--report", action="store_true", help="print what is there, run nothing")
    arguments = parser.parse_args()
    runs = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    done = {(run["cell"], run["seed"]) for run in runs}
    todo = [(cell, seed) for seed in range(SEEDS) for cell in CELLS if (cell, seed) not in done]
    if todo and not arguments.report:
        with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
            for count, run in enumerate(pool.map(train, *zip(*todo, strict=True)), start=1):
                runs.append(run)
                runs.sort(key=lambda run: (list(CELLS).index(run["cell"]), run["seed"]))
                RESULTS.write_text(json.dumps(runs))
                told = f"{run['cell']}, seed {run['seed']}: {fmean(run['scores']):.2f}"
                print(f"{count} of {len(todo)}: {told}", flush=True)
    _print_table(runs)


def train(cell: str, seed: int) -> dict[str, Any]:
    """Train one controller and judge it, drawn and deterministic."""
    torch.set_num_threads(1)
    env = PaidByParts(CELLS[cell], gamma=LEARNER.ppo.gamma)
    trainer = Trainer(env, LEARNER, seed=seed, sink=NullSink())
    trainer.train()
    env = SurrogateVectorEnv(EPISODES, HOSTS)
    env.reset(seed=FIRST_SEED)
    alone = env.world.compute_host_score()
    played = {
        name: evaluate_policy(
            trainer.policy,
            HOSTS,
            episodes=EPISODES,
            seed=FIRST_SEED,
            deterministic=is_deterministic,
        ).scores
        for name, is_deterministic in (("scores", True), ("scores_sampled", False))
    }
    gains = {name: np.round(scores - alone, 4).tolist() for name, scores in played.items()}
    return {"cell": cell, "seed": seed, "steps": trainer.steps, **gains}


def _print_table(runs: list[dict[str, Any]]) -> None:
    means = {
        cell: {run["seed"]: fmean(run["scores"]) for run in runs if run["cell"] == cell}
        for cell in CELLS
    }
    print("| paid | points, by training seed | mean | drawn | minus the score alone [95 %] |")
    print("|---|---|---|---|---|")
    for cell, of_seeds in means.items():
        if not of_seeds:
            continue
        shared = sorted(of_seeds.keys() & means[SCORE].keys())
        lead = ""
        if cell != SCORE and len(shared) > 1:
            ours, base = ([of[seed] for seed in shared] for of in (of_seeds, means[SCORE]))
            interval = compute_paired_interval(ours, base, seed=0)
            lead = f"{interval.mean:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"
        drawn = fmean(fmean(run["scores_sampled"]) for run in runs if run["cell"] == cell)
        listing = " ".join(f"{mean:.2f}" for mean in of_seeds.values())
        name = cell if cell in {SCORE, "all parts"} else f"and {cell}"
        print(f"| {name} | {listing} | {fmean(of_seeds.values()):.2f} | {drawn:.2f} | {lead} |")


if __name__ == "__main__":
    main()
