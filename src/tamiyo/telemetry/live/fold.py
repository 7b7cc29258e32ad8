"""LiveFold: takes the events of a run as they come and says how it stands."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final

from tamiyo.contracts import GAIN_METRIC, SCORE_METRIC, AlarmKind, ArtifactError
from tamiyo.telemetry.lines import check_fields
from tamiyo.telemetry.live.course import Course
from tamiyo.telemetry.live.host import HostFold
from tamiyo.telemetry.live.state import LiveAlarm, LiveLearning, LiveRates, LiveState
from tamiyo.telemetry.numbers import read_number

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LiveFold"]

_ALARMS: Final = 20
_TIMED_ROUNDS: Final = 10


class LiveFold:
    """Takes the events of a run one by one, each as plain JSON values.

    Events that are not known here are passed over, and so are those of an environment whose
    beginning was lost.
    """

    def __init__(self) -> None:
        self._events = 0
        self._last_time: str | None = None
        self._about: dict[str, Any] = {"kind": "nothing", "title": "", "controller": None}
        self._seed: int | None = None
        self._hash: str | None = None
        self._is_finished = self._is_interrupted = False
        self._hosts: dict[int, HostFold] = {}
        self._alarms: deque[LiveAlarm] = deque(maxlen=_ALARMS)
        self._alarm_count = 0
        self._training: _Training | None = None

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event.

        Args:
            event: As a log holds it.

        Raises:
            ArtifactError: If it lacks a field.
        """
        self._events += 1
        self._last_time = event.get("time", self._last_time)
        try:
            self._take(event)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            name = event.get("event")
            message = (
                f"event {self._events} must be a complete {name}, "
                f"got {type(error).__name__}: {error}"
            )
            raise ArtifactError(message) from error

    def freeze(self) -> LiveState:
        """Return how the run stands."""
        training = self._training
        hosts = [self._hosts[index] for index in sorted(self._hosts)]
        done = total = None
        if training is not None:
            done, total = training.steps, training.total_steps
        elif hosts:
            done, total = hosts[0].epoch, hosts[0].epochs
        return LiveState(
            **self._about,
            seed=self._seed,
            config_hash=self._hash,
            done=done or 0,
            total=total,
            unit="epochs" if training is None else "steps",
            is_finished=self._is_finished,
            is_interrupted=self._is_interrupted,
            last_time=self._last_time,
            events=self._events,
            rates=None if training is None else training.find_rates(),
            learning=None if training is None else training.freeze(),
            alarms=tuple(self._alarms),
            alarm_count=self._alarm_count,
            environments=tuple(host.freeze() for host in hosts),
        )

    def _take(self, event: Mapping[str, Any]) -> None:
        name = event["event"]
        if name in {"RunStarted", "EpisodeStarted"}:
            self._begin_host(event)
        elif name == "TrainingStarted":
            self._begin_training(event)
        elif name == "AlarmRaised":
            kind = AlarmKind[event["kind"]].value
            self._raise(LiveAlarm(kind=kind, message=event["message"], place=event["steps"]))
        elif name == "TrainingFinished":
            self._end(interrupted=event["interrupted"])
        elif "environment" in event:
            self._tell_host(event)
        elif self._training is not None:
            self._training.take(event)

    def _begin_host(self, event: Mapping[str, Any]) -> None:
        index = event["host"]["environment"]
        before = self._hosts.get(index)
        self._hosts[index] = HostFold(event, None if before is None else before.end)
        if event["event"] == "RunStarted":
            self._about = {
                "kind": "run",
                "title": event["task"],
                "controller": event["controller"],
            }
            self._seed, self._hash = event["seed"], event["config_hash"]

    def _begin_training(self, event: Mapping[str, Any]) -> None:
        """Begin, or go on after a stop: what was learned before stays."""
        self._about = {"kind": "training", "title": event["env_id"], "controller": None}
        self._seed, self._hash = event["seed"], event["config_hash"]
        self._is_finished = self._is_interrupted = False
        if self._training is None:
            self._training = _Training()
        self._training.begin(event)

    def _tell_host(self, event: Mapping[str, Any]) -> None:
        host = self._hosts.get(event["environment"])
        if host is None:
            return
        host.take(event)
        if event["event"] == "GovernorRolledBack":
            message = f"environment {event['environment']} went back: {event['reason']}"
            self._raise(LiveAlarm(kind="rollback", message=message, place=event["epoch"]))
        elif event["event"] == "RunFinished":
            self._end(interrupted=event["interrupted"])

    def _raise(self, alarm: LiveAlarm) -> None:
        self._alarms.append(alarm)
        self._alarm_count += 1

    def _end(self, *, interrupted: bool) -> None:
        self._is_finished, self._is_interrupted = not interrupted, interrupted


class _Training:
    """How the training of a controller stands."""

    def __init__(self) -> None:
        self.steps = 0
        self.total_steps = 0
        self._num_envs = 0
        self._updates = 0
        self._courses: dict[str, Course] = {}
        self._entropies: dict[str, Course] = {}
        self._report: Mapping[str, Any] | None = None
        self._checkpoint_steps: int | None = None
        self._timed: deque[tuple[int, Mapping[str, float]]] = deque(maxlen=_TIMED_ROUNDS)

    def begin(self, event: Mapping[str, Any]) -> None:
        """Begin, or go on."""
        self.steps, self.total_steps = event["steps"], event["total_steps"]
        self._num_envs = event["num_envs"]

    def take(self, event: Mapping[str, Any]) -> None:
        """Take an event of learning; they are few, so that every field can be looked at.

        Raises:
            ArtifactError: If it has not the fields of its kind.
        """
        check_fields(event, "the log")
        match event["event"]:
            case "UpdateCompleted":
                self._learn(event["report"])
            case "CheckpointWritten":
                self._checkpoint_steps = event["steps"]
            case "PhasesTimed":
                self._timed.append((event["steps"], event["seconds"]))

    def find_rates(self) -> LiveRates | None:
        """Return how fast it goes; ``None`` if nobody timed it."""
        spent: Counter[str] = Counter()
        steps = 0
        for made, seconds in self._timed:
            spent.update(seconds)
            steps += made
        total = spent.total()
        if total <= 0 or not steps:
            return None
        rate, left = steps / total, self.total_steps - self.steps
        return LiveRates(
            steps_per_second=rate,
            seconds_left=left / rate if left > 0 else None,
            phases={phase: own / total for phase, own in spent.most_common()},
        )

    def freeze(self) -> LiveLearning:
        """Return how learning stands."""
        report = self._report
        return LiveLearning(
            updates=self._updates,
            num_envs=self._num_envs,
            curves=tuple(course.freeze() for course in self._courses.values()),
            entropies={}
            if report is None
            else {name: read_number(head["entropy"]) for name, head in report["heads"].items()},
            entropy_curves={name: course.freeze() for name, course in self._entropies.items()},
            losses={} if report is None else _list_losses(report),
            checkpoint_steps=self._checkpoint_steps,
        )

    def _learn(self, report: Mapping[str, Any]) -> None:
        self._report = report
        self.steps, self._updates = report["steps"], report["update"]
        rollout = report["rollout"]
        told = rollout.get("environment", {})
        if GAIN_METRIC in told:  # the baseline of a group leaves nothing of a mean return
            self._add("gain over waiting", "points", told[GAIN_METRIC])
        else:
            self._add("return per episode", "", rollout["episode_return"])
        self._add("score", "points", told.get(SCORE_METRIC))
        self._add("explained variance", "", report["value"]["explained_variance"])
        self._add("divergence of the policy", "", report["policy"]["kl"])
        for name, head in report["heads"].items():
            if head["entropy"] is not None:
                course = self._entropies.setdefault(name, Course(name))
                course.add(self.steps, float(head["entropy"]))

    def _add(self, name: str, unit: str, value: float | None) -> None:
        if value is not None:
            self._courses.setdefault(name, Course(name, unit)).add(self.steps, float(value))


def _list_losses(report: Mapping[str, Any]) -> dict[str, float | None]:
    policy, value = report["policy"], report["value"]
    return {
        "policy loss": read_number(policy["loss"]),
        "value loss": read_number(value["loss"]),
        "entropy bonus": read_number(policy["entropy_bonus"]),
        "divergence": read_number(policy["kl"]),
        "clipped": read_number(policy["clip_fraction"]),
        "explained variance": read_number(value["explained_variance"]),
        "gradient norm": read_number(policy["gradient_norm"]),
        "learning rate": read_number(policy["learning_rate"]),
    }
