"""What in the report of an update should worry somebody: its kind and one sentence each."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from tamiyo.contracts import THRASHING_METRIC, AlarmKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tamiyo.contracts import UpdateReport

__all__ = ["Alarm", "find_alarms"]

_LOWEST_ENTROPY: Final = 0.1
_LOWEST_RATIO: Final = 0.1
_HIGHEST_RATIO: Final = 5.0
_HIGHEST_KL: Final = 0.1
_MOST_THRASHING: Final = 0.1
_ROUNDS: Final = 3  # one bad round may be chance
_DRIFT_ROUNDS: Final = 5
_DRIFT_ERRORS: Final = 3.0  # standard errors


class Alarm(NamedTuple):
    """Something that should worry somebody.

    Attributes:
        kind: What sort of alarm it is.
        message: What was seen, with its numbers, in one sentence.
    """

    kind: AlarmKind
    message: str


def find_alarms(report: UpdateReport, history: Sequence[UpdateReport]) -> tuple[Alarm, ...]:
    """Look for what went wrong in an update.

    Entropies look only at transitions that used the head and left it a choice; ratios and the
    divergence are those of the joint action, which unused heads cannot move.

    Args:
        report: The newest update; its own ``alarms`` are not read.
        history: The updates before it, oldest first; the last four are read.

    Returns:
        Every alarm; numbers that are not finite never get here, the update refuses them.
    """
    rounds = (*history, report)
    return (
        *_find_collapsed_heads(rounds),
        *_find_jumps(report),
        *_find_value_collapse(rounds),
        *_find_drift(rounds),
        *_find_thrashing(report),
    )


def _find_collapsed_heads(rounds: Sequence[UpdateReport]) -> Iterator[Alarm]:
    for name, head in rounds[-1].heads.items():
        recent = _require([one.heads[name].entropy for one in rounds[-_ROUNDS:]], _ROUNDS)
        if recent and max(recent) < _LOWEST_ENTROPY:
            message = (
                f"entropy of {name} was {head.entropy:.3f}, below {_LOWEST_ENTROPY} for "
                f"{_ROUNDS} rounds where it had a choice: it no longer explores"
            )
            yield Alarm(AlarmKind.COLLAPSED_HEAD, message)


def _find_thrashing(report: UpdateReport) -> Iterator[Alarm]:
    share = report.rollout.environment.get(THRASHING_METRIC, 0.0)
    if share > _MOST_THRASHING:
        message = (
            f"in {share:.0%} of the episodes, above {_MOST_THRASHING:.0%}, seeds were planted and "
            "pruned again without any gain"
        )
        yield Alarm(AlarmKind.THRASHING, message)


def _find_jumps(report: UpdateReport) -> Iterator[Alarm]:
    policy = report.policy
    if policy.ratio_highest > _HIGHEST_RATIO:
        message = f"ratio rose to {policy.ratio_highest:.3g}, above {_HIGHEST_RATIO:g}"
        yield Alarm(AlarmKind.RATIO_JUMP, message)
    if policy.ratio_lowest < _LOWEST_RATIO:
        message = f"ratio fell to {policy.ratio_lowest:.3g}, below {_LOWEST_RATIO:g}"
        yield Alarm(AlarmKind.RATIO_JUMP, message)
    if policy.kl > _HIGHEST_KL:
        message = f"divergence of the policy was {policy.kl:.3g}, above {_HIGHEST_KL:g}"
        yield Alarm(AlarmKind.DIVERGENCE_JUMP, message)


def _find_value_collapse(rounds: Sequence[UpdateReport]) -> Iterator[Alarm]:
    """Compare with a critic that knows only the mean return.

    Explained variance alone would cry wolf where returns hardly differ, so the error is also held
    against their spread.
    """
    recent = [one.value for one in rounds[-_ROUNDS:]]
    explained = _require([value.explained_variance for value in recent], _ROUNDS)
    is_far_off = all(value.absolute_error > value.std_return for value in recent)
    if explained and max(explained) < 0 and is_far_off:
        value = recent[-1]
        message = (
            f"value error was {value.absolute_error:.3g}, above the spread of the returns "
            f"({value.std_return:.3g}) for {_ROUNDS} rounds: the critic is worse than a constant"
        )
        yield Alarm(AlarmKind.VALUE_COLLAPSE, message)


def _find_drift(rounds: Sequence[UpdateReport]) -> Iterator[Alarm]:
    for name in rounds[-1].ops:
        for kind, figure, noun in _DRIFTS:
            recent = _require([figure(one, name) for one in rounds[-_DRIFT_ROUNDS:]], _DRIFT_ROUNDS)
            if recent and (min(recent) > _DRIFT_ERRORS or max(recent) < -_DRIFT_ERRORS):
                message = (
                    f"mean {noun} of {name} was {recent[-1]:+.1f} standard errors from that of all "
                    f"ops, beyond {_DRIFT_ERRORS:g} on one side for {_DRIFT_ROUNDS} rounds"
                )
                yield Alarm(kind, message)


def _advantage_drift(report: UpdateReport, name: str) -> float | None:
    mean, whole = report.ops[name].advantage, report.advantages
    return None if mean is None else _in_errors(mean - whole.mean, whole.std, name, report)


def _value_drift(report: UpdateReport, name: str) -> float | None:
    mean, whole = report.ops[name].value_error, report.value
    if mean is None or whole.explained_variance is None:
        return None
    deviation = whole.std_return * math.sqrt(1 - whole.explained_variance)
    return _in_errors(mean - (whole.mean_return - whole.mean), deviation, name, report)


_DRIFTS: Final = (
    (AlarmKind.ADVANTAGE_DRIFT, _advantage_drift, "advantage"),
    (AlarmKind.VALUE_DRIFT, _value_drift, "value error"),
)


def _in_errors(
    difference: float, deviation: float, name: str, report: UpdateReport
) -> float | None:
    """Express an op's difference from all transitions in standard errors.

    Transitions of one episode share their return, so there are at most as many independent samples
    as episodes.
    """
    samples = min(report.ops[name].count, report.rollout.episodes)
    return difference / deviation * math.sqrt(samples) if samples and deviation else None


def _require(figures: Sequence[float | None], count: int) -> list[float]:
    """Return the figures if there are that many and each was measured, else none."""
    measured = [figure for figure in figures if figure is not None]
    return measured if len(measured) == count else []
