"""Evidence for checks: real, gathered once per process, and doctored."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from gymnasium.vector import AutoresetMode

from tamiyo.checks.evidence import Evidence, Rules, play_growth, rehearse
from tamiyo.contracts import LifecycleConfig
from tamiyo.engine import EngineConfig
from tamiyo.environment import HostEnvConfig, HostVectorEnv, SurrogateConfig, SurrogateVectorEnv
from tamiyo.learning import TrainerConfig
from tamiyo.policy import NetworkConfig
from tamiyo.rewards import RewardConfig, RewardPreset

__all__ = [
    "EAGER",
    "LEARNER",
    "SURROGATE",
    "change_course",
    "change_round",
    "change_slot",
    "change_steps",
    "look",
    "observe_hosts",
    "observe_learner",
    "pick_step",
]

EAGER = LifecycleConfig(
    min_fossilize_contribution=0.0,
    contribution_errors=0.0,
    min_blending_epochs=0,
    embargo_epochs_after_prune=2,
)
HOSTS = HostEnvConfig(
    task="digits-mlp",
    epochs=10 + 14,
    reward=RewardConfig.preset(RewardPreset.SHAPED),
    engine=EngineConfig(lifecycle=EAGER),
)
SURROGATE = SurrogateConfig(max_epochs=15, slots=2)
LEARNER = TrainerConfig(network=NetworkConfig(hidden=16, slot_hidden=8))


@cache
def observe_hosts() -> Evidence:
    """Eight short episodes on hosts, played for the checks."""
    env = HostVectorEnv(8, HOSTS, autoreset_mode=AutoresetMode.DISABLED)
    play, courses = play_growth(env, seed=3, steps=14)
    env.close()
    rules = Rules(lifecycle=EAGER, reward=HOSTS.reward, gamma=1.0, task=HOSTS.task_config)
    return Evidence(rules=rules, courses=courses, play=play, played=courses)


@cache
def observe_learner() -> Evidence:
    """Two rounds on synthetic hosts, whose episodes have 10 steps, and an episode of eight."""
    env = SurrogateVectorEnv(8, SURROGATE, autoreset_mode=AutoresetMode.DISABLED)
    play, _ = play_growth(env, seed=3, steps=10)
    rehearsal = rehearse(SurrogateVectorEnv(6, SURROGATE), LEARNER, steps=7, seed=3)
    return Evidence(
        rules=Rules(lifecycle=SURROGATE.lifecycle, task=SURROGATE.task),
        updates=tuple(one.report for one in rehearsal.rounds),
        play=play,
        rehearsal=rehearsal,
    )


def look(check, evidence) -> tuple[bool, str]:
    """Whether all findings of a check hold, and what those say that do not, or else all."""
    findings = list(check(evidence))
    assert findings, "it must have something to look at"
    broken = [finding.observed for finding in findings if not finding.holds]
    told = broken or [finding.observed for finding in findings]
    return not broken, "; ".join(told)


def change_course(evidence, place, **changes):
    """Evidence with one course changed, given by its place or a predicate."""
    if callable(place):
        place = next(i for i, course in enumerate(evidence.courses) if place(course))
    courses = list(evidence.courses)
    courses[place] = replace(courses[place], **changes)
    return replace(evidence, courses=tuple(courses))


def pick_step(evidence, is_wanted):
    """The first step that fits, with the place of its course."""
    for place, course in enumerate(evidence.courses):
        for step in course.steps:
            if is_wanted(step):
                return place, step
    raise LookupError


def change_steps(evidence, is_wanted, change):
    """Evidence with the first step that fits changed by a function."""
    place, wanted = pick_step(evidence, is_wanted)
    steps = tuple(
        change(step) if step is wanted else step for step in evidence.courses[place].steps
    )
    return change_course(evidence, place, steps=steps)


def change_slot(host, slot_id, **changes):
    """A host report with a slot's seed changed."""
    slots = tuple(
        replace(slot, seed=replace(slot.seed, **changes)) if slot.slot_id == slot_id else slot
        for slot in host.slots
    )
    return replace(host, slots=slots)


def change_round(evidence, **fields):
    """Evidence whose last rollout has some fields replaced by a function of what they were."""
    *earlier, last = evidence.rehearsal.rounds
    held = {name: change(getattr(last.rollout, name).clone()) for name, change in fields.items()}
    rounds = (*earlier, replace(last, rollout=replace(last.rollout, **held)))
    return replace(evidence, rehearsal=replace(evidence.rehearsal, rounds=rounds))
