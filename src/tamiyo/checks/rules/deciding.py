"""Requirements 3.1 to 3.4: what may be decided, and which heads learn from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from tamiyo.checks.evidence import Improvisation
from tamiyo.checks.findings import Finding, find_violations
from tamiyo.contracts import Head, LifecycleOp
from tamiyo.learning import PPOConfig
from tamiyo.policy import ActorCritic

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from tamiyo.checks.evidence import Evidence, Play, Rehearsal
    from tamiyo.contracts import ActionSpec

__all__ = ["check_credit", "check_entropy", "check_masks"]

# Requirement 3.2, written down once more: the heads that receive the advantage, by op.
_CREDIT: Final[Mapping[LifecycleOp, frozenset[Head]]] = {
    LifecycleOp.WAIT: frozenset({Head.OP}),
    LifecycleOp.GERMINATE: frozenset(
        {Head.OP, Head.SLOT, Head.BLUEPRINT, Head.STYLE, Head.TEMPO, Head.ALPHA_TARGET}
    ),
    LifecycleOp.SET_ALPHA_TARGET: frozenset(
        {Head.OP, Head.SLOT, Head.STYLE, Head.ALPHA_TARGET, Head.ALPHA_SPEED, Head.ALPHA_CURVE}
    ),
    LifecycleOp.PRUNE: frozenset({Head.OP, Head.SLOT, Head.ALPHA_SPEED, Head.ALPHA_CURVE}),
    LifecycleOp.FOSSILIZE: frozenset({Head.OP, Head.SLOT}),
    LifecycleOp.ADVANCE: frozenset({Head.OP, Head.SLOT}),
}
_FORBIDDEN_UPDATES: Final = 50
_LOWEST_CONDITIONAL: Final = 0.9
_TOLERANCE: Final = 1e-5
_ENTROPY_TOLERANCE: Final = 1e-4


def check_masks(evidence: Evidence) -> Iterator[Finding]:
    """What the masks allow is executed, and what they do not is not (3.1)."""
    decided = [(course, step) for course, step in evidence.walk() if step.decision is not None]
    if decided:
        refused = [
            f"{course.locate(step)} refused {step.decision.command.op.name}"
            for course, step in decided
            if step.decision is not None
            and not step.decision.action_valid
            and step.decision.evidence is not None
            and step.decision.command.op in step.decision.evidence.legal_ops
        ]
        yield find_violations(
            refused, f"{len(decided)} decisions on record, no legal op of them refused"
        )
    play = evidence.play
    if play is None:
        return
    sent = np.ones_like(play.valid)
    sent[play.tried, 0] = False
    yield Finding(
        bool(play.valid[sent].all()),
        f"{int(sent.sum())} actions drawn from the masks, {int((~play.valid[sent]).sum())} refused",
    )
    if play.tried.any():
        taken = int(play.valid[play.tried, 0].sum())
        yield Finding(
            taken == 0, f"{int(play.tried.sum())} actions against the masks, {taken} carried out"
        )
    if evidence.played:
        yield _check_execution(evidence, play)
    yield _check_neutral(play, sent)
    if play.hosts:
        yield _check_full(play)


def check_credit(evidence: Evidence) -> Iterator[Finding]:
    """The advantage of an op reaches the heads it uses, and no other (3.2)."""
    rehearsal = evidence.rehearsal
    if rehearsal is None:
        return
    specs = rehearsal.after.specs
    acted = Improvisation(rehearsal.after.network, specs, seed=1)
    violations, ops = [], 0
    for op, name in enumerate(specs.actions.heads[0].choices):
        parts = acted.update(acted.ops == op)
        if parts is None:
            continue
        ops += 1
        used = _name_used(specs.actions, op)
        for head, report in parts.heads.items():
            if head not in used and report.gradient_norm != 0:
                violations.append(f"{head} learns from {name} ({report.gradient_norm:.3g})")
            if head in used and not report.gradient_norm > 0:
                violations.append(f"{head} does not learn from {name}")
    yield find_violations(violations, f"gradients of all heads for {ops} ops by themselves")


def check_entropy(evidence: Evidence) -> Iterator[Finding]:
    """Entropies are shares of what is legal, and unused heads keep theirs (3.4)."""
    if evidence.updates:
        shares = [
            value
            for update in evidence.updates
            for head in update.heads.values()
            for value in (head.entropy, *head.conditional_entropy.values())
            if value is not None
        ]
        wrong = sum(not -_TOLERANCE <= share <= 1 + _TOLERANCE for share in shares)
        yield Finding(wrong == 0, f"{len(shares):,} entropies on record, {wrong} outside [0, 1]")
    rehearsal = evidence.rehearsal
    if rehearsal is None:
        return
    yield _check_probabilities(rehearsal)
    if Head.BLUEPRINT in rehearsal.after.specs.actions.names:
        yield _check_forbidden(rehearsal)


def _check_execution(evidence: Evidence, play: Play) -> Finding:
    """What the masks called legal was carried out by the model, and nothing else."""
    differing = [
        course.locate(step)
        for place, course in enumerate(evidence.played)
        for moment, step in enumerate(course.steps[: len(play.valid)])
        if step.decision is not None
        and play.valid[moment, place]
        and not step.decision.action_valid
    ]
    return find_violations(
        [f"{where} was legal by the masks and refused by the model" for where in differing],
        f"{int(play.valid.sum())} legal actions were carried out by the models",
    )


def _check_neutral(play: Play, sent: np.ndarray[tuple[int, int], np.dtype[np.bool_]]) -> Finding:
    """Every head that the op does not use stands at its neutral choice."""
    spec, actions = play.action_spec, play.actions[sent]
    violations = []
    for op, name in enumerate(spec.heads[0].choices):
        chosen = actions[actions[:, 0] == op]
        for position, head in enumerate(spec.heads):
            is_used = head.name in _name_used(spec, op)
            if not is_used and (chosen[:, position] != head.neutral).any():
                violations.append(f"{name} moves {head.name}, which it does not use")
    return find_violations(violations, "heads that an op does not use were neutral")


def _check_full(play: Play) -> Finding:
    """Without a free slot nothing germinates and the blueprint is always NOOP."""
    spec = play.action_spec
    blueprint = spec.names.index(Head.BLUEPRINT)
    germinate = spec.heads[0].choices.index(LifecycleOp.GERMINATE.name)
    full, wrong = 0, 0
    for moment, row in enumerate(play.hosts[:-1]):
        for place, host in enumerate(row):
            if any(slot.stage is None for slot in host.slots):
                continue
            full += 1
            wrong += bool(play.masks[moment, place, germinate])
            is_sent = place > 0 or not play.tried[moment]
            wrong += is_sent and int(play.actions[moment, place, blueprint]) != 0
    return Finding(
        wrong == 0, f"{full} moments without a free slot, {wrong} of them allowed a seed"
    )


def _name_used(spec: ActionSpec, op: int) -> frozenset[str]:
    """Return the heads an op uses: by requirement 3.2 for growth, else as announced."""
    names = spec.heads[0].choices
    if names == tuple(op.name for op in LifecycleOp):
        return frozenset(str(head) for head in _CREDIT[LifecycleOp(op)])
    return spec.used_when[op]


def _check_probabilities(rehearsal: Rehearsal) -> Finding:
    """Compare entropies of the learner with those of the probabilities that were played."""
    one = rehearsal.rounds[-1]
    network, rollout = one.policy.network, one.rollout
    seen, masks = rollout.observations.flatten(0, 1), rollout.masks.flatten(0, 1)
    states = rollout.states.movedim(0, 2).flatten(2, 3)
    told = network.act(
        seen,
        masks,
        states,
        deterministic=True,
        generator=torch.Generator(),
        explained=len(seen),
    )
    counts = told.probabilities.isfinite().sum(-1)
    with torch.no_grad():
        got = network.evaluate(
            seen[None],
            network.trace(masks[None], told.actions[None]),
            torch.zeros(1, len(seen), dtype=torch.bool),
            states,
        ).entropies[0]
    gap = float((got - _compute_entropies(told.probabilities, counts)).abs().max())
    is_zero = bool((got[counts == 1] == 0).all())
    return Finding(
        gap < _ENTROPY_TOLERANCE and is_zero,
        f"{got.numel():,} entropies at most {gap:.1e} from those of the probabilities, "
        f"{int((counts == 1).sum()):,} of heads without a choice "
        f"{'all 0' if is_zero else 'not all 0'}",
    )


def _compute_entropies(probabilities: Tensor, counts: Tensor) -> Tensor:
    """Compute the entropy of each head as a share of what so many choices allow, ``[B, H]``."""
    chances = probabilities.double()
    surprise = torch.where(chances > 0, -chances * chances.log(), 0.0)
    return surprise.nan_to_num().sum(-1) / counts.clamp(min=2).double().log()


def _check_forbidden(rehearsal: Rehearsal) -> Finding:
    """Train a fresh network where nothing may germinate, and ask what it would plant."""
    specs, config = rehearsal.after.specs, rehearsal.after.network.config
    network = ActorCritic(
        specs.observation, specs.actions, config, generator=torch.Generator().manual_seed(0)
    )
    germinate = specs.actions.heads[0].choices.index(LifecycleOp.GERMINATE.name)
    learning = PPOConfig(
        learning_rate=rehearsal.ppo.learning_rate,
        entropy_coefficient=rehearsal.ppo.entropy_coefficient,
        clip=rehearsal.ppo.clip,
        inner_epochs=1,
        minibatches=1,
    )
    for update in range(_FORBIDDEN_UPDATES):
        Improvisation(network, specs, seed=update, forbidden=[germinate]).learn(learning)
    asked = Improvisation(network, specs, seed=_FORBIDDEN_UPDATES).rollout
    features = network.remember(asked.observations, asked.episode_starts, asked.states[0])
    told = network.conditional_entropies(features, asked.masks).entropies.detach()
    blueprint = specs.actions.names.index(Head.BLUEPRINT)
    entropy = float(told[..., germinate, blueprint].mean())
    return Finding(
        entropy >= _LOWEST_CONDITIONAL,
        f"after {_FORBIDDEN_UPDATES} updates without GERMINATE the blueprint's conditional entropy "
        f"is {entropy:.3f}",
    )
