"""Requirements 7.1 to 7.8: what is paid, and what is counted."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Final

import numpy as np

from tamiyo.checks.findings import Finding, find_violations
from tamiyo.contracts import EpisodeFinished, LifecycleOp, SeedFossilized, SeedGerminated
from tamiyo.rewards import ScaffoldLedger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.checks.evidence import Evidence, HostCourse, HostStep, Rules
    from tamiyo.rewards import RewardConfig

__all__ = ["check_counters", "check_cycles", "check_hindsight", "check_parts"]

_TOLERANCE: Final = 1e-6
_MOST_HINDSIGHT: Final = 0.2
_EPISODES_TO_RANK: Final = 8
_LOWEST_RANK: Final = 0.9
_SIGNS: Final = {
    "compute_rent": (-math.inf, 0.0),
    "alpha_shock": (-math.inf, 0.0),
    "intervention_cost": (-math.inf, 0.0),
    "synergy": (0.0, math.inf),
    "hindsight_credit": (0.0, _MOST_HINDSIGHT),
}


def check_parts(evidence: Evidence) -> Iterator[Finding]:
    """The parts of the reward have their signs and sum to it; potentials cancel (7.1)."""
    courses = [course for course in evidence.courses if course.paid]
    rules = evidence.rules
    if not courses or rules.reward is None:
        return
    violations = [
        f"{course.locate(step)}: {what}"
        for course in courses
        for step in course.steps
        if step.parts is not None
        for what in _judge_step(step, rules, rules.reward)
    ]
    for course in courses:
        violations += _judge_sums(course, rules, rules.reward)
    steps = sum(len(course.paid) for course in courses)
    yield find_violations(
        violations, f"{steps} paid steps of {len(courses)} episodes have signs, sums and bounds"
    )
    play = evidence.play
    if play is not None and evidence.played:
        paid = {course.start.host.environment: course.paid for course in evidence.played}
        gaps = [
            abs(parts.total - float(play.rewards[step, environment]))
            for environment, row in paid.items()
            for step, parts in enumerate(row[: len(play.rewards)])
        ]
        worst = max(gaps, default=0.0)
        yield Finding(
            worst < _TOLERANCE, f"{len(gaps)} rewards at most {worst:.1e} from their parts"
        )
    yield from _rank(courses)


def check_hindsight(evidence: Evidence) -> Iterator[Finding]:
    """Credit in hindsight is bounded and delivered exactly once (7.6)."""
    reward = evidence.rules.reward
    courses = [course for course in evidence.courses if course.paid]
    if reward is None or not courses:
        return
    yield _check_ledger()
    violations, delivered = list[str](), 0.0
    for course in courses:
        total = sum(parts.hindsight_credit for parts in course.paid)
        delivered += total
        if not -_TOLERANCE <= total <= _MOST_HINDSIGHT + _TOLERANCE:
            violations.append(f"{course.name} was paid {total:.4f} in hindsight")
        if isinstance(course.end, EpisodeFinished):
            earned, counters = _earn_hindsight(course, reward), course.end.counters
            # Only a fossil that is credited with something passes credit on, and the record
            # does not say which of several that was.
            least = earned if counters.contributing_fossilized == counters.seeds_fossilized else 0.0
            most = earned if counters.contributing_fossilized else 0.0
            if not least - _TOLERANCE <= total <= most + _TOLERANCE:
                violations.append(
                    f"{course.name} earned {earned:.4f} in hindsight and got {total:.4f}"
                )
    yield find_violations(
        violations, f"{len(courses)} episodes were paid {delivered:.3f} points in hindsight in all"
    )


def check_cycles(evidence: Evidence) -> Iterator[Finding]:
    """Planting seeds and pruning them never pays (7.7)."""
    if evidence.rules.gamma != 1.0:  # a discounted sum that cancels does not without discount
        return
    shaped, prunes, paid = list[float](), 0, list[str]()
    for course in evidence.courses:
        end = course.end
        if not isinstance(end, EpisodeFinished) or end.counters.seeds_fossilized:
            continue
        if not end.counters.seeds_created:
            continue
        prunes += end.counters.prunes
        shaped.append(sum(part.total - part.terminal - part.baseline for part in course.paid))
        if shaped[-1] > _TOLERANCE:
            paid.append(f"{course.name} gained {shaped[-1]:+.4f} and kept nothing")
    if shaped:
        yield find_violations(
            paid,
            f"{len(shaped)} episodes with {prunes} prunes and no seed kept were paid at most "
            f"{max(shaped):+.4f} beside their score",
        )


def check_counters(evidence: Evidence) -> Iterator[Finding]:
    """Counters match what was executed, and the return what was paid (7.8)."""
    violations, episodes, counted = list[str](), 0, Counter[str]()
    for course in evidence.courses:
        end = course.end
        if not isinstance(end, EpisodeFinished):
            continue
        episodes += 1
        done = Counter(
            step.decision.command.op
            for step in course.steps
            if step.decision is not None and step.decision.action_valid
        )
        told = {
            LifecycleOp.GERMINATE: end.counters.seeds_created,
            LifecycleOp.FOSSILIZE: end.counters.seeds_fossilized,
            LifecycleOp.PRUNE: end.counters.prunes,
        }
        for op, count in told.items():
            counted[op.name.lower()] += count
            if done[op] != count:
                violations.append(f"{course.name} counted {count} {op.name} of {done[op]}")
        if end.counters.contributing_fossilized > end.counters.seeds_fossilized:
            violations.append(f"{course.name} has more contributing fossils than fossils")
        total = sum(parts.total for parts in course.paid)
        if abs(total - end.episode_return) > _TOLERANCE * max(1.0, abs(total)):
            violations.append(
                f"{course.name} returned {end.episode_return:.4f} and was paid {total:.4f}"
            )
    if episodes:
        figures = ", ".join(f"{count} {name}" for name, count in counted.items())
        yield find_violations(violations, f"{episodes} episodes: {figures} as executed")


def _judge_step(step: HostStep, rules: Rules, reward: RewardConfig) -> Iterator[str]:
    parts = step.parts
    assert parts is not None
    for name, (low, high) in _SIGNS.items():
        value = getattr(parts, name)
        if not low - _TOLERANCE <= value <= high + _TOLERANCE:
            yield f"{name} is {value:.4g}"
    if not math.isfinite(parts.total):
        yield f"the reward is {parts.total}"
    executed = LifecycleOp.WAIT
    if step.decision is not None and step.decision.action_valid:
        executed = step.decision.command.op
    cost = 0.0 if executed == LifecycleOp.WAIT else -reward.intervention_points
    if abs(parts.intervention_cost - cost) > _TOLERANCE:
        yield f"{executed.name} cost {parts.intervention_cost:.4g} instead of {cost:.4g}"
    if executed == LifecycleOp.WAIT and parts.alpha_shock != 0:
        yield f"waiting cost a shock of {parts.alpha_shock:.4g}"
    yield from _judge_rent(step, parts.compute_rent, rules, reward)


def _judge_rent(step: HostStep, paid: float, rules: Rules, reward: RewardConfig) -> Iterator[str]:
    if rules.task is None:
        return
    grown = math.log(step.after.parameters / step.after.host_parameters)
    rent = reward.rent_weight * rules.task.rent_points * max(0.0, grown)
    rent /= rules.task.decision_epochs
    if abs(paid + rent) > _TOLERANCE:
        yield f"rent is {paid:.4g} instead of {-rent:.4g}"


def _judge_sums(course: HostCourse, rules: Rules, reward: RewardConfig) -> Iterator[str]:
    """Say what is wrong with an episode that is over."""
    end = course.end
    if not isinstance(end, EpisodeFinished):
        return
    for name in ("bounded_attribution", "stage_shaping"):
        values = [getattr(parts, name) for parts in course.paid]
        total = sum(rules.gamma**step * value for step, value in enumerate(values))
        if abs(total) > _TOLERANCE * max(1.0, *map(abs, values)):
            yield f"{name} of {course.name} sums to {total:.4g} instead of 0"
    penalty = reward.divergence_points if end.diverged else 0.0
    terminal = sum(parts.terminal for parts in course.paid)
    if abs(terminal - (end.score - penalty)) > _TOLERANCE:
        yield f"{course.name} was paid {terminal:.4f} for a score of {end.score:.4f}"
    moving = {
        "stage_shaping": reward.stage_weight and end.counters.seeds_created,
        "compute_rent": reward.rent_weight
        and rules.task is not None
        and rules.task.rent_points
        and any(step.after.parameters > step.after.host_parameters for step in course.steps),
        "intervention_cost": reward.intervention_points and end.counters.seeds_created,
    }
    for name, moves in moving.items():
        if moves and len({getattr(parts, name) for parts in course.paid}) == 1:
            yield f"{name} never moved in {course.name}"


def _rank(courses: list[HostCourse]) -> Iterator[Finding]:
    """Compare how episodes rank by what they were paid and by their score."""
    from scipy.stats import spearmanr

    ends = [
        (sum(parts.total - parts.baseline for parts in course.paid), course.end.score)
        for course in courses
        if isinstance(course.end, EpisodeFinished) and not course.end.diverged
    ]
    if len(ends) < _EPISODES_TO_RANK or len({score for _, score in ends}) < _EPISODES_TO_RANK // 2:
        return
    returns, scores = np.array(ends).T
    rank = float(spearmanr(returns, scores).statistic)
    yield Finding(
        rank >= _LOWEST_RANK, f"returns and scores of {len(ends)} episodes rank alike ({rank:.3f})"
    )


def _check_ledger() -> Finding:
    """Follow one credit: boosted by 2 points in epoch 3, committed in epoch 7."""
    ledger = ScaffoldLedger(most_points=_MOST_HINDSIGHT, weight=0.05, discount=0.9)
    ledger.record("older", "younger", 2.0, epoch=3)
    ledger.settle("younger", epoch=7)
    ledger.settle("younger", epoch=8)
    once, again = ledger.deliver(), ledger.deliver()
    wanted = 0.05 * 2.0 * 0.9**4
    return Finding(
        abs(once - wanted) < _TOLERANCE and again == 0,
        f"a credit of {wanted:.4f} is delivered as {once:.4f}, then as {again:g}",
    )


class _Scaffolds:
    """Which seeds helped which later ones, followed by what is on record alone."""

    def __init__(self, reward: RewardConfig) -> None:
        self.earned = 0.0
        self._reward = reward
        self._born: dict[str, int] = {}
        self._boosts: dict[tuple[str, str], tuple[float, int]] = {}

    def take(self, step: HostStep) -> None:
        """Take in a step."""
        for planted in step.pick(SeedGerminated):
            self._born[planted.seed_id] = len(self._born)
        living = {slot.slot_id: slot.seed.seed_id for slot in step.after.slots if slot.seed}
        for pair in step.measured.interactions:
            if set(pair.slot_ids) <= living.keys() and 0 < pair.points < math.inf:
                self._note([living[slot] for slot in pair.slot_ids], pair.points, step.epoch)
        for kept in step.pick(SeedFossilized):
            self._settle(kept.seed_id, step.epoch)
        self._boosts = {
            pair: boost for pair, boost in self._boosts.items() if pair[1] in living.values()
        }

    def _note(self, seed_ids: list[str], points: float, epoch: int) -> None:
        older, younger = sorted(seed_ids, key=lambda seed_id: self._born.get(seed_id, -1))
        if points > self._boosts.get((older, younger), (0.0, 0))[0]:
            self._boosts[older, younger] = points, epoch

    def _settle(self, boosted: str, epoch: int) -> None:
        reward = self._reward
        for pair in [pair for pair in self._boosts if pair[1] == boosted]:
            points, since = self._boosts.pop(pair)
            credit = reward.hindsight_weight * points * reward.hindsight_discount ** (epoch - since)
            self.earned += min(reward.hindsight_points - self.earned, credit)


def _earn_hindsight(course: HostCourse, reward: RewardConfig) -> float:
    """Add up what an episode has earned, from interactions and commitments alone."""
    scaffolds = _Scaffolds(reward)
    for step in course.steps:
        if step.decision is not None:
            scaffolds.take(step)
    return scaffolds.earned
