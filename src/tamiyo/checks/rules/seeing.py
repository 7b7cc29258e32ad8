"""Requirements 1.1 to 2.3: what a controller is shown, and on which scale."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from tamiyo.checks.findings import Finding, find_violations
from tamiyo.contracts import Blueprint, SeedGerminated, SeedStage, StageError, parse_stage
from tamiyo.learning import Specs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from tamiyo.checks.evidence import Evidence, Play, Round
    from tamiyo.contracts import EpochReport, HostReport, TaskConfig

__all__ = [
    "check_blueprints",
    "check_normalizer",
    "check_observation",
    "check_saturation",
    "check_stages",
]

# The documented layout (requirement 1.1), written down once more so that a slip in the layout shows
# here instead of shifting both sides.
_BASE: Final = 23
_PER_SLOT: Final = 39
_TELEMETRY: Final = 26
_EPOCH, _TRAIN_LOSS, _CONTROL_LOSS = 0, 2, 3
_TRAIN_ACCURACY, _CONTROL_ACCURACY, _PARAMETERS = 5, 6, 21
_STAGE, _ALPHA, _CONTRIBUTION, _BLUEPRINT = 1, 11, 12, 26
_STAGES: Final = 10
_BLUEPRINTS: Final = 13

_TOLERANCE: Final = 1e-5
_UNKNOWN: Final = -2.0
"""Code for points that were not measured."""

_MOST_SATURATED: Final = 0.01
_LARGEST_NORMALIZED: Final = 10.0
_RETIRED_STAGE: Final = 5


def check_observation(evidence: Evidence) -> Iterator[Finding]:
    """Size, order, range and content of observations (1.1)."""
    if evidence.checkpoint is not None:
        spec = Specs.decode(evidence.checkpoint.facts["specs"]).observation
        if spec.slots:
            sizes = {count_fields(spec.slots), count_fields(spec.slots, telemetry=True)}
            yield Finding(
                spec.size in sizes,
                f"the network takes {spec.size} numbers for {spec.slots} slots",
            )
    play = evidence.play
    if play is None:
        return
    layout = play.layout
    expected = count_fields(layout.slots, telemetry=layout.telemetry)
    shown = play.observations
    yield Finding(
        shown.shape[-1] == layout.size == expected and shown.dtype == np.float32,
        f"{shown.shape[-1]} numbers of {shown.dtype} for {layout.slots} slots, "
        f"where {expected} are documented",
    )
    yield _check_ranges(play)
    if play.hosts and shown.shape[-1] == expected:
        yield _check_content(evidence, play)


def check_stages(evidence: Evidence) -> Iterator[Finding]:
    """Every stage is one of the ten, and shown as it is (1.2)."""
    try:
        parse_stage(_RETIRED_STAGE, slot_id="r7c3", environment=11)
        refusal = "nothing"
    except StageError as error:
        refusal = str(error)
    if evidence.courses or evidence.play:
        is_named = "r7c3" in refusal and "11" in refusal
        yield Finding(is_named, f"a retired stage is refused: {refusal}")
    if evidence.courses:
        found = [
            slot.stage
            for course in evidence.courses
            for step in course.steps
            for slot in step.after.slots
            if slot.stage is not None
        ]
        wrong = sorted({int(stage) for stage in found} - {int(stage) for stage in SeedStage})
        names = sorted({stage.name for stage in found})
        yield Finding(not wrong, f"{len(found)} stages on record, {', '.join(names) or 'none'}")
    play = evidence.play
    if play is not None:
        stages = _slot_fields(play, _STAGE, _STAGES)
        sums = stages.sum(axis=-1)
        yield Finding(
            bool((sums == 1).all()),
            f"{sums.size} stages shown, {int((sums != 1).sum())} of them not as exactly one",
        )


def check_blueprints(evidence: Evidence) -> Iterator[Finding]:
    """The index of a blueprint is that of its enum, wherever it is shown (1.3)."""
    play = evidence.play
    if not (evidence.courses or play):
        return
    indices = [int(blueprint) for blueprint in Blueprint]
    yield Finding(
        indices == list(range(_BLUEPRINTS)), f"{len(indices)} blueprints, numbered from 0"
    )
    planted = [
        (course.locate(step, event.slot_id), event, step.after.slot(event.slot_id).seed)
        for course in evidence.courses
        for step in course.steps
        for event in step.pick(SeedGerminated)
    ]
    violations = [
        f"{where} holds another blueprint than was planted"
        for where, event, seed in planted
        if seed is None or seed.blueprint != event.command.blueprint
    ]
    if evidence.courses:
        yield find_violations(violations, f"{len(planted)} seeds hold what was planted")
    if play is not None and play.hosts:
        shown = _slot_fields(play, _BLUEPRINT, _BLUEPRINTS)
        held = np.array(
            [
                [[slot.seed.blueprint if slot.seed else 0 for slot in host.slots] for host in row]
                for row in play.hosts
            ]
        )
        right = (shown.argmax(axis=-1) == held) & (shown.sum(axis=-1) == 1)
        living = int((held > 0).sum())
        yield Finding(
            bool(right.all()),
            f"{living} living seeds shown, {int((~right).sum())} under another index",
        )


def check_normalizer(evidence: Evidence) -> Iterator[Finding]:
    """The scale of the observations moves once per round, by what was acted on (2.2)."""
    checkpoint, rehearsal = evidence.checkpoint, evidence.rehearsal
    if checkpoint is not None and checkpoint.facts["config"]["normalize_observations"]:
        count = _count_seen(checkpoint.groups["observation_normalizer"])
        steps = int(checkpoint.facts["steps"])
        yield Finding(
            count == steps or (count > steps and not evidence.is_fresh),
            f"the scale on file knows {count:,} observations after {steps:,} steps",
        )
    if rehearsal is None:
        return
    for number, one in enumerate(rehearsal.rounds, start=1):
        yield _check_frozen(one, number)
    if rehearsal.normalizes:
        before = _count_seen(rehearsal.rounds[0].policy.normalizer.state_dict())
        after = _count_seen(rehearsal.after.normalizer.state_dict())
        acted = sum(int(one.rollout.valid.sum()) for one in rehearsal.rounds)
        yield Finding(
            after - before == acted,
            f"{len(rehearsal.rounds)} rounds of {acted} decisions added {after - before} "
            "observations to the scale",
        )


def check_saturation(evidence: Evidence) -> Iterator[Finding]:
    """Clamps count what they cut, and cut at most one value in a hundred (2.3)."""
    shares: dict[str, float] = {}
    if evidence.updates:
        for update in evidence.updates:
            for name, share in update.rollout.saturated.items():
                shares[name] = shares.get(name, 0.0) + share / len(evidence.updates)
        yield _judge_shares(shares, f"over {len(evidence.updates)} updates")
    if evidence.rehearsal is not None and evidence.rehearsal.normalizes:
        yield _check_counting(evidence.rehearsal.rounds[-1])
    if evidence.play is not None:
        yield _judge_shares(evidence.play.saturated, f"in {evidence.play.valid.size} decisions")


def count_fields(slots: int, *, telemetry: bool = False) -> int:
    """Return how many numbers an observation is documented to have."""
    return _BASE + slots * (_PER_SLOT + (_TELEMETRY if telemetry else 0))


def _check_ranges(play: Play) -> Finding:
    fields = play.layout.fields
    low = np.array([field.low for field in fields])
    high = np.array([field.high for field in fields])
    codes = np.array([np.nan if field.unknown is None else field.unknown for field in fields])
    shown = play.observations
    inside = ((shown >= low) & (shown <= high)) | (shown == codes)
    wrong = [fields[index].name for index in np.flatnonzero(~inside.all(axis=(0, 1)))]
    return find_violations(
        [f"{name} is outside its range" for name in wrong], f"{shown.size:,} numbers in range"
    )


def _check_content(evidence: Evidence, play: Play) -> Finding:
    """Compare documented indices with the reports they are made from."""
    compared = [
        (index, float(play.observations[moment, place, index]), value)
        for moment, row in enumerate(play.hosts)
        for place, host in enumerate(row)
        for index, value in _expect(
            host, _find_measured(evidence, place, moment), evidence.rules.task
        ).items()
    ]
    return find_violations(
        [
            f"index {index} shows {shown:.4g} instead of {value:.4g}"
            for index, shown, value in compared
            if abs(shown - value) > _TOLERANCE
        ],
        f"{len(compared):,} of them compared with their source",
    )


def _find_measured(evidence: Evidence, environment: int, moment: int) -> EpochReport | None:
    """Return what an environment of a play had measured before a step; ``None`` if unknown."""
    for course in evidence.played:
        if course.start.host.environment == environment and 0 < moment <= len(course.steps):
            return course.steps[moment - 1].measured
    return None


def _expect(
    host: HostReport, measured: EpochReport | None, task: TaskConfig | None
) -> dict[int, float]:
    """Return the numbers that documented indices must show."""
    expected = {_PARAMETERS: math.log(host.parameters / host.host_parameters)}
    if task is not None:
        expected[_EPOCH] = (host.epoch - 1) / task.max_epochs
    if task is not None and measured is not None and measured.train_loss is not None:
        span = max(task.initial_loss - task.target_loss, task.target_loss)
        losses = {_TRAIN_LOSS: measured.train_loss, _CONTROL_LOSS: measured.control_loss}
        expected |= {
            index: min(2.0, max(-1.0, (loss - task.target_loss) / span))
            for index, loss in losses.items()
        }
        expected[_CONTROL_ACCURACY] = measured.control_accuracy / 100
        if measured.train_accuracy is not None:
            expected[_TRAIN_ACCURACY] = measured.train_accuracy / 100
    for place, slot in enumerate(host.slots):
        first = _BASE + place * _PER_SLOT
        stage = SeedStage.DORMANT if slot.stage is None else slot.stage
        expected[first + _STAGE + list(SeedStage).index(stage)] = 1.0
        expected[first + _ALPHA] = 0.0 if slot.seed is None else slot.seed.alpha.alpha
        is_unknown = slot.seed is not None and slot.seed.contribution is None
        if is_unknown and slot.stage != SeedStage.TRAINING:
            expected[first + _CONTRIBUTION] = _UNKNOWN
        if slot.seed is not None and slot.seed.contribution is not None:
            points = slot.seed.contribution.points
            if math.isfinite(points) and slot.stage != SeedStage.TRAINING:
                compressed = math.copysign(math.log1p(abs(points)), points) / math.log(101)
                expected[first + _CONTRIBUTION] = min(1.0, max(-1.0, compressed))
    return expected


def _slot_fields(play: Play, offset: int, size: int) -> NDArray[np.float32]:
    """Return some fields of every slot, ``[T + 1, N, S, size]``."""
    firsts = [_BASE + slot * _PER_SLOT + offset for slot in range(play.layout.slots)]
    return np.stack([play.observations[..., first : first + size] for first in firsts], axis=-2)


def _count_seen(normalizer: Mapping[str, Tensor]) -> int:
    return int(normalizer["_base.count"])


def _check_frozen(one: Round, number: int) -> Finding:
    """Compare what the buffer holds with what was shown, on the scale the round began with."""
    shown = torch.from_numpy(one.observations[:-1])
    wanted = one.policy.normalizer.normalize(shown)
    differs = ((wanted - one.rollout.observations).abs() > _TOLERANCE).any(-1)
    differs &= one.rollout.valid
    return Finding(
        not bool(differs.any()),
        f"round {number}: {int(differs.sum())} of {differs.numel()} rows of the buffer are not "
        "what was shown on the scale the round began with",
    )


def _check_counting(one: Round) -> Finding:
    """Count what the scale cut in a rollout, and compare with what it says itself."""
    cut = one.rollout.observations.abs() >= _LARGEST_NORMALIZED
    fields = int(cut.flatten(0, 1).any(0).sum())
    told = sum(name.startswith("observation[") for name in one.report.rollout.saturated)
    return Finding(
        (fields > 0) == (told > 0),
        f"a learner met {int(cut.sum())} values at the limit of the scale and was told of "
        f"{told} fields that were cut",
    )


def _judge_shares(shares: Mapping[str, float], where: str) -> Finding:
    if not shares:
        return Finding(holds=True, observed=f"nothing was cut {where}")
    worst = max(shares, key=lambda name: shares[name])
    return Finding(
        shares[worst] <= _MOST_SATURATED, f"most was cut of {worst}, {shares[worst]:.2%} {where}"
    )
