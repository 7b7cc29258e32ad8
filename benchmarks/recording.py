"""Price of the record: rounds of a training with all default sinks against rounds without any.

Both train the same hosts of digits-cnn with the same controller, so that they do the same but for
the record: the episodes of two of sixteen environments with the evidence of every decision, the
log on the disk, and the display. Then a log of 500 such rounds is read, event by event.
"""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from time import perf_counter

from rich.console import Console
from support.timing import Comparison, compare, run

from tamiyo.contracts import NullSink, PhasesTimed
from tamiyo.environment import Baseline, HostEnvConfig, HostVectorEnv
from tamiyo.learning import PhaseClock, Trainer
from tamiyo.recipes import TrainConfig
from tamiyo.recipes.learned.config import build_env
from tamiyo.recipes.learned.log import TrainingLog
from tamiyo.telemetry import EventFollower
from tamiyo.ui import TrainingSink

CONFIG = TrainConfig(
    task="digits-cnn",
    envs=16,
    hosts=HostEnvConfig(epochs=30, baseline=Baseline.GROUP, group_size=8),
)
_ROUNDS = 500
_MOST_SHARE = 0.02
_MOST_SECONDS = 10.0


def main() -> None:
    """Measure and print."""
    run(__doc__ or "", measure, repetitions=5)


def measure(repetitions: int) -> list[Comparison]:
    """Compare rounds with and without a record, then read a long log of them."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recorded = Recorded(folder / "events.jsonl")
        silent = Trainer(build_env(CONFIG), CONFIG.learner, seed=0, sink=NullSink())
        price = compare(
            "round of a training, recorded / in silence",
            recorded.update,
            silent.update,
            repetitions=repetitions,
            at_most=1 + _MOST_SHARE,
        )
        rounds = repetitions + 2
        return [price, time_reading(folder / "events.jsonl", rounds)]


class Recorded:
    """A training with its log, its display and the time of its phases.

    Args:
        path: The log.
    """

    def __init__(self, path: Path) -> None:
        self._clock = PhaseClock()
        self._log = TrainingLog(self._clock)
        env = build_env(CONFIG)
        hosts = env.unwrapped
        assert isinstance(hosts, HostVectorEnv), "a task has hosts"
        self._trainer = Trainer(
            env,
            CONFIG.learner,
            seed=0,
            sink=self._log,
            clock=self._clock,
            listener=hosts.record(self._log, CONFIG.record_envs),
        )
        self._log.open(path, [TrainingSink(Console(file=io.StringIO()))])

    def update(self) -> None:
        """Make one update, as a training does."""
        steps = self._trainer.steps
        self._trainer.update()
        took = self._clock.take()
        self._log.emit(PhasesTimed(steps=self._trainer.steps - steps, seconds=took))


def time_reading(path: Path, rounds: int) -> Comparison:
    """Make a log as long as that of a long training, and read it as a report does.

    Args:
        path: A log of some rounds; it is replaced.
        rounds: How many.
    """
    content = path.read_bytes()
    size = len(content) * _ROUNDS / rounds
    with path.open("wb") as file:
        for _ in range(_ROUNDS // rounds):
            file.write(content)
    start = perf_counter()
    follower = EventFollower(path)
    events = len(follower.poll())
    while follower.has_more:
        events += len(follower.poll())
    seconds = (perf_counter() - start) * _ROUNDS / (_ROUNDS // rounds * rounds)
    return Comparison(
        name=f"{_ROUNDS} rounds of log, {size / 1e6:.0f} MB, read / {_MOST_SECONDS:.0f} s",
        ours_milliseconds=1e3 * seconds,
        reference_milliseconds=1e3 * _MOST_SECONDS,
        ratio=seconds / _MOST_SECONDS,
        target="<= 1",
        reached=seconds <= _MOST_SECONDS,
    )


if __name__ == "__main__":
    main()
