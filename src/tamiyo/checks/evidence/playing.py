"""Play episodes for the checks: at random, against the masks, and by a few fixed habits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tamiyo.checks.evidence.courses import HostCourse, build_course
from tamiyo.checks.evidence.records import Play
from tamiyo.contracts import LifecycleOp, encode_event
from tamiyo.environment import HostVectorEnv, SurrogateVectorEnv, build_host_report
from tamiyo.observation import is_allowed, sample_uniform
from tamiyo.telemetry import MemorySink, read_courses

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tamiyo.contracts import ActionSpec, HostReport

__all__ = ["MOST_PLAYED", "play_growth"]

_DILIGENT: Final = (LifecycleOp.FOSSILIZE, LifecycleOp.ADVANCE)
_EAGER: Final = (*_DILIGENT, LifecycleOp.GERMINATE)
_FICKLE: Final = (LifecycleOp.PRUNE, LifecycleOp.GERMINATE)
_HABITS: Final[Sequence[tuple[LifecycleOp, ...] | None]] = (
    None,
    None,
    _DILIGENT,
    _FICKLE,
    (),
    _EAGER,
    None,
    None,
)
"""Ops each environment prefers, the first legal one is taken, else it waits; ``None`` draws."""

MOST_PLAYED: Final = len(_HABITS)
"""Environments there are habits for."""

_PAUSE: Final = 6
"""A diligent environment plants in every so many steps."""

_TRIES: Final = 200


def play_growth(
    env: HostVectorEnv | SurrogateVectorEnv, *, seed: int, steps: int
) -> tuple[Play, tuple[HostCourse, ...]]:
    """Play one episode in each environment.

    Args:
        env: Environments, at most eight, which begin no episodes by themselves.
        seed: Seed of everything random.
        steps: Steps at most.

    Returns:
        What was seen, and the course of each host where the environments record it.
    """
    sink = MemorySink()
    if isinstance(env, HostVectorEnv):
        env.record(sink, env.num_envs)
    rng, tries = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    shown, info = env.reset(seed=[seed, *range(seed, seed + env.num_envs - 1)])
    notes = _Notes(shown, info["action_mask_by_op"].copy(), _report(env))
    while len(notes.actions) < steps and not (notes.ended and notes.ended[-1].any()):
        masks = notes.masks[-1]
        chosen = _decide(env.action_spec, masks, len(notes.actions), rng)
        illegal = None
        if len(notes.actions) % 2:
            illegal = _find_illegal(env.action_spec, masks[0], tries)
        if illegal is not None:
            chosen[1] = [head.neutral for head in env.action_spec.heads]
            chosen[1, 0] = LifecycleOp.WAIT
        chosen[0] = chosen[1] if illegal is None else illegal
        notes.take(chosen, env.step(chosen), _report(env), tried=illegal is not None)
    courses: tuple[HostCourse, ...] = ()
    hosts = notes.hosts
    if isinstance(env, HostVectorEnv):
        courses = _read_courses(sink)
        hosts = _read_hosts(courses, len(notes.actions))
    play = Play(
        layout=env.encoder.layout,
        action_spec=env.action_spec,
        observations=np.stack(notes.observations),
        masks=np.stack(notes.masks),
        actions=np.stack(notes.actions),
        valid=np.stack(notes.valid),
        rewards=np.stack(notes.rewards),
        ended=np.stack(notes.ended),
        tried=np.array(notes.tried),
        hosts=tuple(hosts),
        saturated=env.saturated(),
    )
    return play, courses


class _Notes:
    """What was seen so far, step by step; the fields are those of a play."""

    def __init__(
        self,
        shown: NDArray[np.float32],
        masks: NDArray[np.bool_],
        hosts: tuple[HostReport, ...],
    ) -> None:
        self.observations, self.masks, self.hosts = [shown], [masks], [hosts]
        self.actions: list[NDArray[np.int64]] = []
        self.valid: list[NDArray[np.bool_]] = []
        self.rewards: list[NDArray[np.float64]] = []
        self.ended: list[NDArray[np.bool_]] = []
        self.tried: list[bool] = []

    def take(
        self,
        actions: NDArray[np.int64],
        outcome: tuple[Any, Any, Any, Any, dict[str, Any]],
        hosts: tuple[HostReport, ...],
        *,
        tried: bool,
    ) -> None:
        """Take in a step."""
        shown, paid, terminated, truncated, info = outcome
        self.observations.append(shown)
        self.masks.append(info["action_mask_by_op"].copy())
        self.actions.append(actions)
        self.valid.append(info["action_valid"])
        self.rewards.append(paid)
        self.ended.append(terminated | truncated)
        self.tried.append(tried)
        self.hosts.append(hosts)


def _read_courses(sink: MemorySink) -> tuple[HostCourse, ...]:
    """Sort what was recorded by environment."""
    events = [encode_event(event) for event in sink.events]
    found, _ = read_courses(events, most=2 * MOST_PLAYED)
    return tuple(sorted(map(build_course, found), key=lambda one: one.start.host.environment))


def _decide(
    spec: ActionSpec, masks: NDArray[np.bool_], step: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return an action for every environment, ``[N, H]``; all heads after the op are drawn."""
    narrowed = masks.copy()
    for row, habit in enumerate(_HABITS[: len(masks)]):
        if habit is None:
            continue
        preferred = (*habit, LifecycleOp.GERMINATE) if _is_planting(habit, step) else habit
        legal = [op for op in preferred if masks[row, op]]
        narrowed[row, : spec.nvec[0]] = False
        narrowed[row, legal[0] if legal else LifecycleOp.WAIT] = True
    return sample_uniform(spec, narrowed, rng)


def _is_planting(habit: tuple[LifecycleOp, ...], step: int) -> bool:
    return habit == _DILIGENT and step % _PAUSE == 0


def _find_illegal(
    spec: ActionSpec, masks: NDArray[np.bool_], rng: np.random.Generator
) -> NDArray[np.int64] | None:
    """Draw an action that the masks do not allow; ``None`` if none turns up."""
    drawn = rng.integers(spec.nvec, size=(_TRIES, len(spec.nvec)))
    allowed = is_allowed(spec, np.repeat(masks[None], _TRIES, axis=0), drawn)
    illegal = drawn[~allowed]
    return illegal[0] if len(illegal) else None


def _report(env: HostVectorEnv | SurrogateVectorEnv) -> tuple[HostReport, ...]:
    """Report every host now; those that are recorded are read from the record afterwards."""
    if isinstance(env, HostVectorEnv):
        return ()
    return tuple(build_host_report(env, row) for row in range(env.num_envs))


def _read_hosts(courses: Sequence[HostCourse], steps: int) -> list[tuple[HostReport, ...]]:
    before = [tuple(course.steps[step].before for course in courses) for step in range(steps)]
    return [*before, tuple(course.steps[steps - 1].after for course in courses)]
