"""Evidence on a run: its record, and of a training its checkpoint and what it does with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gymnasium.vector import AutoresetMode

from tamiyo.checks.evidence import (
    MOST_PLAYED,
    Evidence,
    HostCourse,
    Play,
    Rehearsal,
    Rules,
    build_course,
    play_growth,
    rehearse,
)
from tamiyo.checks.subjects.failing import LEARNING, LIVING, Failures
from tamiyo.checks.subjects.task import build_rules, play_hosts, rehearse_on_hosts
from tamiyo.contracts import (
    ArtifactError,
    LifecycleConfig,
    UpdateCompleted,
    UpdateReport,
    decode_record,
)
from tamiyo.environment import SurrogateConfig, SurrogateVectorEnv
from tamiyo.learning import Checkpoint, LearnedPolicy, load_policy
from tamiyo.recipes import RunFolder, TrainConfig, build_env, find_surrogate, load_training
from tamiyo.telemetry import EventScan, read_courses

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

__all__ = ["observe_run"]

_MOST_COURSES: Final = 24
_LEARNERS: Final = 8
_ROLLOUT_STEPS: Final = 18  # no divisor of the surrogates' episodes, so that rollouts cut some


def observe_run(path: Path, *, seed: int, on_progress: Callable[[str], None]) -> Evidence:
    """Gather evidence on a run.

    Args:
        path: Its folder.
        seed: Seed of what is played.
        on_progress: Told what is being done.

    Raises:
        ArtifactError: If there is no run, or its files are damaged.
    """
    folder = RunFolder(path)
    content = folder.read_config()
    on_progress("reading the record")
    if "train" in content:
        return _observe_training(folder, seed, on_progress)
    courses, total = read_courses(EventScan(folder.events), most=_MOST_COURSES)
    return Evidence(
        rules=Rules(lifecycle=_read_lifecycle(content)),
        courses=tuple(build_course(course) for course in courses),
        left_out=total - len(courses),
        lacking="nothing on record to check it on: growing one network neither learns nor is paid",
    )


def _read_lifecycle(content: Mapping[str, Any]) -> LifecycleConfig:
    """Read by which clocks the host of a run was grown.

    Raises:
        ArtifactError: If the configuration does not say.
    """
    try:
        return decode_record(LifecycleConfig, content["run"]["engine"]["lifecycle"])
    except (KeyError, TypeError) as error:
        message = f"config.json must hold the lifecycle of the run, got none: {error}"
        raise ArtifactError(message) from error


def _observe_training(folder: RunFolder, seed: int, on_progress: Callable[[str], None]) -> Evidence:
    config, _ = load_training(folder.path)
    updates = _read_updates(folder)
    courses, total = read_courses(EventScan(folder.events), most=_MOST_COURSES)
    checkpoint, policy = None, None
    if folder.checkpoint.exists():
        checkpoint, policy = Checkpoint.load(folder.checkpoint), load_policy(folder.checkpoint)
    failures, family = Failures(), find_surrogate(config)
    play: Play | None = None
    played: tuple[HostCourse, ...] = ()
    rehearsal: Rehearsal | None = None
    if family is not None or config.task is not None:
        on_progress(f"playing {MOST_PLAYED} episodes")
        with failures.noting("an episode", LIVING):
            play, played = _play(config, family, seed)
    on_progress("learning for two rounds")
    with failures.noting("learning", LEARNING):
        rehearsal = _rehearse(config, policy, seed)
    rules = Rules(lifecycle=LifecycleConfig())
    if config.task is not None:
        rules = build_rules(config.hosts)
    elif family is not None:
        rules = Rules(lifecycle=family.lifecycle, task=family.task)
    return Evidence(
        rules=rules,
        courses=(*(build_course(course) for course in courses), *played),
        left_out=total - len(courses),
        updates=updates,
        checkpoint=checkpoint,
        is_fresh=config.start is None,
        play=play,
        played=played,
        rehearsal=rehearsal,
        failures=tuple(failures.noted),
        lacking="nothing to check it on: what is learned on has none, or has not come so far",
    )


def _read_updates(folder: RunFolder) -> tuple[UpdateReport, ...]:
    """Read the report of every update.

    Raises:
        ArtifactError: If one is not whole.
    """
    events = EventScan(folder.events, kinds=[UpdateCompleted.__name__])
    try:
        return tuple(
            decode_record(UpdateReport, event["report"])
            for event in events
            if event["event"] == UpdateCompleted.__name__
        )
    except (KeyError, TypeError) as error:
        message = f"every update on record must have a whole report, got no {error}"
        raise ArtifactError(message) from error


def _play(
    config: TrainConfig, family: SurrogateConfig | None, seed: int
) -> tuple[Play, tuple[HostCourse, ...]]:
    if family is None:
        return play_hosts(config.hosts, seed=seed)
    env = SurrogateVectorEnv(MOST_PLAYED, family, autoreset_mode=AutoresetMode.DISABLED)
    return play_growth(env, seed=seed, steps=family.decision_epochs)


def _rehearse(config: TrainConfig, policy: LearnedPolicy | None, seed: int) -> Rehearsal:
    if config.task is not None:
        return rehearse_on_hosts(config.hosts, config.learner, seed=seed, start=policy)
    env = build_env(config, num_envs=_LEARNERS)
    try:
        return rehearse(env, config.learner, steps=_ROLLOUT_STEPS, seed=seed, start=policy)
    finally:
        env.close()
