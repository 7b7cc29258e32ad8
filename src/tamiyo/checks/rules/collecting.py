"""Requirements 5.1 to 6.3: rollouts, returns, ratios and advantages."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from tamiyo.checks.evidence import Improvisation
from tamiyo.checks.findings import Finding, find_violations
from tamiyo.learning import Normalization, compute_gae

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from tamiyo.checks.evidence import Evidence, Rehearsal, Round

__all__ = [
    "check_advantages",
    "check_bootstraps",
    "check_memory",
    "check_ratios",
    "check_returns",
    "check_rows",
]

_RATIO_TOLERANCE: Final = 1e-5
_TOLERANCE: Final = 1e-4
_NUDGE: Final = 0.05
_FIELDS: Final = ("masks", "actions", "rewards", "terminated")


def check_rows(evidence: Evidence) -> Iterator[Finding]:
    """Every field of a transition lies in the row of its step and environment (5.1)."""
    for number, one in enumerate(_rounds(evidence), start=1):
        rollout = one.rollout
        held = {
            "masks": rollout.masks,
            "actions": rollout.actions,
            "rewards": rollout.rewards_raw,
            "terminated": rollout.terminated,
        }
        valid, wrong = rollout.valid.numpy(), list[str]()
        for name in _FIELDS:
            seen = getattr(one, name)[: len(valid)]
            stored = held[name].numpy()
            same = np.isclose(stored, seen.astype(stored.dtype), rtol=1e-6, atol=1e-6)
            rows = same.reshape(*valid.shape, -1).all(axis=-1) | ~valid
            if not rows.all():
                step, environment = np.argwhere(~rows)[0]
                wrong.append(f"{name} of step {step} environment {environment} are another row's")
        yield find_violations(
            wrong, f"round {number}: {int(valid.sum())} rows hold what a witness saw pass"
        )


def check_returns(evidence: Evidence) -> Iterator[Finding]:
    """Ends and cuts are told apart, and returns never cross them (5.2)."""
    rehearsal = evidence.rehearsal
    if rehearsal is None:
        return
    yield _check_flags()
    for number, one in enumerate(rehearsal.rounds, start=1):
        rollout, (values, bootstraps) = one.rollout, _read_values(one, rehearsal)
        advantages, returns = compute_gae(
            rollout.rewards,
            values,
            terminated=rollout.terminated,
            truncated=rollout.truncated,
            bootstrap_values=bootstraps,
            valid=rollout.valid,
            gamma=rehearsal.ppo.gamma,
            gae_lambda=rehearsal.ppo.gae_lambda,
        )
        slow = _add_up(one, values, bootstraps, rehearsal)
        gap = float((advantages - slow)[rollout.valid].abs().max())
        scale = max(1.0, float(slow.abs().max()))
        ended = int(rollout.ended.sum())
        yield Finding(
            gap < _TOLERANCE * scale and bool(returns.isfinite().all()),
            f"round {number}: advantages at most {gap:.1e} from the plain sum of their definition, "
            f"over {ended} ends and {int((~rollout.ended[-1]).sum())} cuts",
        )


def check_bootstraps(evidence: Evidence) -> Iterator[Finding]:
    """Every value that stands in for what follows is its own environment's (5.3)."""
    for number, one in enumerate(_rounds(evidence), start=1):
        rollout, network = one.rollout, one.policy.network
        following = one.policy.normalizer.normalize(torch.from_numpy(one.observations[-1]))
        state = _step(one, -1)
        wrong, compared = list[int](), 0
        for place in range(rollout.valid.shape[1]):
            if rollout.ended[-1, place] or not rollout.valid[-1, place]:
                continue
            compared += 1
            alone = network.value(following[place : place + 1], state[:, :, place : place + 1])
            if abs(float(alone) - float(rollout.cut_values[place])) > _TOLERANCE:
                wrong.append(place)
        stray = rollout.bootstrap_values[~rollout.truncated]
        yield Finding(
            not wrong and bool((stray == 0).all()),
            f"round {number}: {compared} values of states after a cut, "
            f"{len(wrong)} of them another environment's; {int((stray != 0).sum())} strays",
        )


def check_memory(evidence: Evidence) -> Iterator[Finding]:
    """Hidden states are those before the step, and a fresh rollout has ratio 1 (5.4)."""
    rounds = _rounds(evidence)
    for number, one in enumerate(rounds, start=1):
        rollout = one.rollout
        starts = rollout.episode_starts
        states = rollout.states.movedim(3, 1).flatten(2)
        at_start = int((states[starts & rollout.valid] != 0).any(-1).sum())
        with torch.no_grad():
            fresh = one.policy.network.evaluate(
                rollout.observations,
                one.policy.network.trace(rollout.masks, rollout.actions),
                starts,
                rollout.states[0],
            )
        change = (fresh.log_probs - rollout.log_probs).sum(-1).expm1()
        worst = float(change[rollout.valid].abs().max())
        follows = rollout.ended[:-1] | ~rollout.valid[:-1]
        wrong_starts = int((starts[1:] != follows)[rollout.valid[1:]].sum())
        yield Finding(
            worst < _RATIO_TOLERANCE and at_start == 0 and wrong_starts == 0,
            f"round {number}: ratio of a fresh rollout at most {worst:.1e} from 1 over "
            f"{int(starts.sum())} starts, {at_start} of them with a memory and "
            f"{wrong_starts} misplaced",
        )
    for earlier, later in pairwise(rounds):
        goes_on = ~later.rollout.episode_starts[0]
        carried, stored = _step(earlier, -1), later.rollout.states[0]
        if not goes_on.any() or not stored.numel():  # a network without memory carries none
            continue
        gap = float((carried - stored)[:, :, goes_on].abs().max())
        yield Finding(
            gap < _TOLERANCE,
            f"{int(goes_on.sum())} episodes go on after a cut with their memory (gap {gap:.1e})",
        )


def check_ratios(evidence: Evidence) -> Iterator[Finding]:
    """Heads that were not used cannot move the ratio, and used ones move it exactly (6.1)."""
    rehearsal = evidence.rehearsal
    if rehearsal is None:
        return
    network, specs = rehearsal.after.network, rehearsal.after.specs
    acted = Improvisation(network, specs, seed=2)
    violations, compared = list[str](), 0
    for position, head in enumerate(specs.actions.names):
        nudged = deepcopy(network)
        with torch.no_grad():
            for parameter in nudged.head_parameters()[head]:
                noise = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(3))
                parameter.add_(_NUDGE * noise)
        used = torch.tensor([head in names for names in specs.actions.used_when])[acted.ops]
        moved = (acted.measure(nudged) - acted.measure(network))[..., position].exp()
        for rows, noun in ((used, "use"), (~used, "do not use")):
            parts = acted.update(rows, network=nudged)
            if parts is None:
                continue
            compared += 1
            wanted = moved[rows] if noun == "use" else torch.ones(1)
            got = parts.policy.ratio_lowest, parts.policy.ratio_highest
            span = float(wanted.min()), float(wanted.max())
            if max(abs(a - b) for a, b in zip(got, span, strict=True)) > _RATIO_TOLERANCE:
                violations.append(f"{head} moves ratios of ops that {noun} it to {got}, not {span}")
    yield find_violations(violations, f"{compared} sets of ratios with one head moved at a time")


def check_advantages(evidence: Evidence) -> Iterator[Finding]:
    """Advantages are of the transitions collected, and of no others (6.3)."""
    if evidence.updates:
        wrong = [
            f"update {update.update} has {update.advantages.count} advantages of "
            f"{update.rollout.transitions} transitions"
            for update in evidence.updates
            if update.advantages.count != update.rollout.transitions
        ]
        total = sum(update.rollout.transitions for update in evidence.updates)
        last = evidence.updates[-1]
        if evidence.is_fresh and total != last.steps and last.update == len(evidence.updates):
            wrong.append(f"{total:,} transitions were learned from, of {last.steps:,} made")
        yield find_violations(
            wrong, f"{len(evidence.updates)} updates, {total:,} transitions and advantages"
        )
    rehearsal = evidence.rehearsal
    if rehearsal is None:
        return
    for number, one in enumerate(rehearsal.rounds, start=1):
        values, bootstraps = _read_values(one, rehearsal)
        known = _add_up(one, values, bootstraps, rehearsal)[one.rollout.valid]
        told = one.report.advantages
        scale = max(1.0, float(known.abs().max()))
        gaps = (
            abs(float(known.mean()) - told.mean),
            abs(float(known.std(correction=0)) - told.std),
        )
        yield Finding(
            told.count == len(known) and max(gaps) < _TOLERANCE * scale,
            f"round {number}: {told.count} advantages of {len(known)} transitions, mean "
            f"{told.mean:.4g} and deviation {told.std:.4g} where {float(known.mean()):.4g} and "
            f"{float(known.std(correction=0)):.4g} were computed",
        )


def _rounds(evidence: Evidence) -> tuple[Round, ...]:
    return () if evidence.rehearsal is None else evidence.rehearsal.rounds


def _step(one: Round, row: int) -> Tensor:
    """Return the state after a row of the rollout, ``[2, layers, N, hidden]``."""
    rollout = one.rollout
    return one.policy.network.act(
        rollout.observations[row],
        rollout.masks[row],
        rollout.states[row],
        deterministic=True,
        generator=torch.Generator(),
    ).state


def _read_values(one: Round, rehearsal: Rehearsal) -> tuple[Tensor, Tensor]:
    """Return values ``[T + 1, N]`` and bootstrap values ``[T, N]`` in the unit of the rewards."""
    values = torch.cat([one.rollout.values, one.rollout.cut_values[None]])
    scale = one.policy.value_scale
    if rehearsal.ppo.normalization != Normalization.VALUES or scale is None:
        return values, one.rollout.bootstrap_values
    bootstraps = one.rollout.bootstrap_values
    return values * scale.factor + scale.offset, bootstraps * scale.factor + scale.offset


def _add_up(one: Round, values: Tensor, bootstraps: Tensor, rehearsal: Rehearsal) -> Tensor:
    """Compute every advantage as the sum it is defined as, environment by environment."""
    rollout = one.rollout
    advantages = torch.zeros(*rollout.rewards.shape, dtype=torch.float64)
    for place in range(rollout.rewards.shape[1]):
        rows = rollout.valid[:, place].nonzero().flatten().tolist()
        surprises = _list_surprises(one, rows, place, (values, bootstraps), rehearsal.ppo.gamma)
        for first, start in enumerate(rows):
            advantages[start, place] = _sum_up(surprises[first:], rehearsal)
    return advantages


def _sum_up(surprises: list[tuple[float, bool]], rehearsal: Rehearsal) -> float:
    """Add surprises up to the end of the episode, each weighed by how late it comes."""
    total, weight = 0.0, 1.0
    for surprise, ended in surprises:
        total += weight * surprise
        weight *= rehearsal.ppo.gamma * rehearsal.ppo.gae_lambda
        if ended:
            break
    return total


def _list_surprises(
    one: Round, rows: list[int], place: int, values: tuple[Tensor, Tensor], gamma: float
) -> list[tuple[float, bool]]:
    """Return reward and following value less value of each step, and whether it ended."""
    rollout, (own, bootstraps) = one.rollout, values
    surprises = []
    for row, following_row in zip(rows, [*rows[1:], -1], strict=True):
        following = float(own[following_row, place])
        if rollout.truncated[row, place]:
            following = float(bootstraps[row, place])
        if rollout.terminated[row, place]:
            following = 0.0
        reward, value = float(rollout.rewards[row, place]), float(own[row, place])
        surprises.append((reward + gamma * following - value, bool(rollout.ended[row, place])))
    return surprises


def _check_flags() -> Finding:
    """Compute the four combinations of ends by hand: reward 1, value 2, gamma 0.5."""
    wanted = {
        (False, False): 1 + 0.5 * 8 - 2,  # cut: V(next state) = 8
        (False, True): 1 + 0.5 * 4 - 2,  # truncated: V(final observation) = 4
        (True, False): 1 - 2.0,
        (True, True): 1 - 2.0,
    }
    wrong = []
    for (terminated, truncated), advantage in wanted.items():
        got, _ = compute_gae(
            torch.ones(1, 1),
            torch.tensor([[2.0], [8.0]]),
            terminated=torch.tensor([[terminated]]),
            truncated=torch.tensor([[truncated]]),
            bootstrap_values=torch.tensor([[4.0]]),
            valid=torch.ones(1, 1, dtype=torch.bool),
            gamma=0.5,
            gae_lambda=0.9,
        )
        if abs(float(got) - advantage) > _TOLERANCE:
            flags = f"terminated {terminated}, truncated {truncated}"
            wrong.append(f"{flags}: {float(got):.4g} instead of {advantage:.4g}")
    return find_violations(wrong, "all four combinations of flags as computed by hand")
