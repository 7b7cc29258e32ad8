"""Where the time of a controller's training on real hosts goes, over the number of environments.

One rollout of whole episodes of digits-cnn and the update after it, with its event and checkpoint,
as ``tamiyo train --task digits-cnn`` runs them in one process; CPU time. Hosts are trained and
validated by the engine (*shadow* are the passes of seeds that incubate, of which there are none
with the default lifecycle); everything else is the price of learning to control them.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any, Final

import torch
from support.racing import clocked, undisturbed

from tamiyo.contracts import NullSink
from tamiyo.engine import BatchedPopulation, ask_for_equal_bits
from tamiyo.engine import member as member_file
from tamiyo.engine.batched import population as batched_file
from tamiyo.engine.member import Member
from tamiyo.environment import Baseline, HostEnvConfig
from tamiyo.environment.hosts.vector_env import HostVectorEnv
from tamiyo.learning.collecting import Collector
from tamiyo.learning.ppo import PPO
from tamiyo.learning.trainer import Trainer
from tamiyo.policy import ActorCritic
from tamiyo.recipes import TrainConfig, count_rollout_steps, train_controller
from tamiyo.recipes.learned import train as train_file
from tamiyo.telemetry import JsonlSink

_HOSTS: Final = ("train", "validate", "judge")
_PARTS: Final[tuple[tuple[Any, str, str], ...]] = (
    (member_file, "train_epoch", "train"),
    (batched_file, "train_members", "train"),
    (Member, "_validate", "validate"),
    (BatchedPopulation, "_validate", "validate"),
    (BatchedPopulation, "judge", "judge"),
    (HostVectorEnv, "reset", "open"),
    (HostVectorEnv, "step", "step"),
    (ActorCritic, "act", "policy"),
    (PPO, "update", "update"),
    (Collector, "collect", "collect"),
    (JsonlSink, "emit", "record"),
    (Trainer, "encode_checkpoint", "record"),
    (train_file, "write_atomically", "record"),
)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envs", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    ask_for_equal_bits()
    torch.set_flush_denormal(True)
    found = {envs: measure(envs) for envs in arguments.envs}
    if arguments.json:
        print(json.dumps(found, indent=1))
        return
    names = list(next(iter(found.values())))
    print(f"| environments | {' | '.join(names)} |")
    print("|---" * (len(names) + 1) + "|")
    for envs, row in found.items():
        cells = [f"{row[name]:.1%}" if "%" in name else f"{row[name]:.2f}" for name in names]
        print(f"| {envs} | {' | '.join(cells)} |")


def measure(envs: int) -> dict[str, float]:
    """Return milliseconds of an environment step by phase, and the share that trains no host."""
    hosts = HostEnvConfig(baseline=Baseline.NONE)
    config = TrainConfig(task="digits-cnn", envs=envs, hosts=hosts)
    steps = count_rollout_steps(config)
    config = replace(config, learner=replace(config.learner, total_steps=steps))
    seconds: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder, undisturbed(), clocked(seconds, _PARTS):
        begun = process_time()
        train_controller(config, Path(folder) / "run", sink=NullSink())
        seconds["all"] = process_time() - begun
    inner = sum(seconds[name] for name in _HOSTS)
    row = {
        "train": seconds["train"],
        "validate, shadow": seconds["validate"] + seconds["judge"],
        "lifecycle, observation, reward": seconds["step"] - inner,
        "policy": seconds["policy"],
        "buffer": seconds["collect"] - seconds["step"] - seconds["policy"],
        "update": seconds["update"],
        "record": seconds["record"],
        "begin": seconds["open"],
        "all": seconds["all"],
    }
    shares = {name: 1e3 * value / steps for name, value in row.items()}
    return {**shares, "not hosts, %": 1 - inner / (seconds["all"] - seconds["open"])}


if __name__ == "__main__":
    main()
