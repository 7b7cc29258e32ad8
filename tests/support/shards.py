"""Populations of the tiny task as worker processes build them, some of which die on the way."""

from __future__ import annotations

import os
import signal
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from tamiyo.contracts import Blueprint, ConfigError, Head, LifecycleOp, Style
from tamiyo.engine import ArrayField, Encoding, SequentialPopulation, SharedArrays
from tamiyo.engine.workers.shard import Assignment
from tests.support.tasks import WAIT, act, build_noisy_host, build_tiny_data, germinate, make_member

__all__ = [
    "ENCODING",
    "SLOT_IDS",
    "Ailing",
    "Remembering",
    "build_shard",
    "command_of",
    "encode_losses",
    "list_actions",
    "list_commands",
    "make_assignment",
    "wait_until",
]

SLOT_IDS = ("r0c0", "r0c1", "r0c2")
LIFE = [
    germinate("r0c0", Blueprint.BOTTLENECK, Style.GATED_GATE),
    act(LifecycleOp.ADVANCE, "r0c0"),
    germinate("r0c2", Blueprint.NORM),
    act(LifecycleOp.ADVANCE, "r0c2"),
    act(LifecycleOp.ADVANCE, "r0c0"),
    act(LifecycleOp.PRUNE, "r0c2"),
    WAIT,
]


def command_of(key, epoch):
    """Each environment lives the same life at its own time."""
    return LIFE[(epoch + key[1]) % len(LIFE)]


def list_commands(keys, epoch):
    """One command per environment."""
    return [command_of(key, epoch) for key in keys]


def list_actions(keys, epoch):
    """The same as choices."""
    rows = [command.to_action(SLOT_IDS) for command in list_commands(keys, epoch)]
    return np.array(rows, dtype=np.int64).reshape(len(keys), len(Head))


@cache
def load_data():
    return build_tiny_data()


def build_shard(keys, sink):
    """The environments of some (run seed, environment) pairs."""
    return SequentialPopulation(
        [
            make_member(
                build_noisy_host,
                run_seed=run_seed,
                environment=environment,
                sink=sink,
                data=load_data(),
                check_invariants=False,
            )
            for run_seed, environment in keys
        ]
    )


@dataclass(frozen=True)
class Ailing:
    """Builds populations in which one environment harms its process.

    Attributes:
        folder: Where it is written down when that happened.
        moments: In which calls, "build", "step 0", "step 1", ..., "begin_closing" or "judge".
        times: How often in each.
        harm: "kill", "fail", "refuse" or "dawdle".
        environment: Which environment it lives beside.
    """

    folder: Path
    moments: tuple[str, ...]
    times: int = 1
    harm: str = "kill"
    environment: int = 3

    def __call__(self, keys, sink):
        population = build_shard(keys, sink)
        if any(environment == self.environment for _, environment in keys):
            self.act("build")
            return AilingPopulation(population, self)
        return population

    def count(self):
        """How often it did harm."""
        return len(list(self.folder.iterdir()))

    def act(self, moment):
        done = len(list(self.folder.glob(f"{moment}-*")))
        if moment not in self.moments or done >= self.times:
            return
        (self.folder / f"{moment}-{done}").touch()
        if self.harm == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.harm == "fail":
            raise RuntimeError("the host is on fire")
        if self.harm == "refuse":
            raise ConfigError("hosts must be good, got a bad one")
        time.sleep(1.0)


class AilingPopulation:
    """Trains, tells its events, and only then does itself harm: nothing of that may be seen."""

    def __init__(self, population, ailing):
        self.population, self.ailing, self.epoch = population, ailing, 0
        self.initial = population.initial

    def step(self, commands):
        results = self.population.step(commands)
        self.ailing.act(f"step {self.epoch}")
        self.epoch += 1
        return results

    def begin_closing(self):
        self.population.begin_closing()
        self.ailing.act("begin_closing")

    def judge(self):
        judged = self.population.judge()
        self.ailing.act("judge")
        return judged

    def close(self):
        self.population.close()


def encode_losses(results):
    """Loss and number of parameters of each environment."""
    return {
        "loss": np.array([result.measured.control_loss for result in results]),
        "sizes": np.array([[r.host.parameters, r.host.epoch] for r in results], dtype=np.int32),
    }


class Remembering:
    """Adds up losses since the episode began."""

    def __init__(self):
        self.total = 0.0

    def __call__(self, results):
        encoded = encode_losses(results)
        self.total = self.total + encoded["loss"]
        return {**encoded, "loss": self.total}


ENCODING = Encoding(
    fields=(
        ArrayField(name="loss", shape=(), dtype="float64"),
        ArrayField(name="sizes", shape=(2,), dtype="int32"),
    ),
    encode=encode_losses,
)


@contextmanager
def make_assignment(rows, *, build=build_shard, encoding=ENCODING, **settings):
    """What a worker is told, with shared memory that goes with the block."""
    heads = ArrayField(name="actions", shape=(len(Head),), dtype="int64")
    actions = SharedArrays.create([heads], rows.stop + 1)
    arrays = SharedArrays.create(encoding.fields if encoding else (), rows.stop + 1)
    try:
        yield Assignment(
            build=build,
            rows=rows,
            actions=actions,
            encoding=encoding,
            arrays=arrays,
            **{
                "wants_events": True,
                "flushes_denormals": False,
                "has_equal_bits": False,
                **settings,
            },
        )
    finally:
        actions.unlink()
        arrays.unlink()


def wait_until(is_true, seconds=120.0):
    """Ask again and again."""
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "it must become true"
        time.sleep(0.02)
