"""What is legal under every combination of facts, asked once from the owner of legality.

Legality depends on few facts, each with few values. The tables hold its answer to every combination
of them, so that masks of many environments are looked up rather than computed slot by slot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Final

import numpy as np

from tamiyo.contracts import (
    SAME_ALPHA,
    AlphaMode,
    AlphaReport,
    AlphaTarget,
    Blueprint,
    GateCheck,
    GateLevel,
    GateVerdict,
    Head,
    HostReport,
    LifecycleOp,
    SeedReport,
    SeedStage,
    SlotReport,
    Style,
    Tempo,
    build_action_spec,
    legal_choices,
    legal_ops,
)
from tamiyo.observation.arrays import FREE, LIVING_STAGES, Flags, Integers

if TYPE_CHECKING:
    from tamiyo.observation.arrays import SeedArrays

__all__ = ["LegalityTables", "build_legality_tables", "classify_seeds"]

_SLOT: Final = "r0c0"
_NOTHING: Final[Mapping[Blueprint, int]] = {}
_ANYTHING: Final = dict.fromkeys(Blueprint, 0)
"""Blueprints of no size fit every budget; a gate, of size 1, exceeds a budget of 0."""

_ALPHAS: Final = (0.0, *(target.alpha for target in AlphaTarget), AlphaTarget.HALF.alpha / 2)
"""One alpha of each kind that legality tells apart: none, each target, anything between."""
_BETWEEN: Final = len(_ALPHAS) - 1


@dataclass(frozen=True, kw_only=True)
class LegalityTables:
    """Answers of legality, bool; an axis of two is indexed by a flag.

    Attributes:
        ops: ``[stage + 1, steady, gate passed, old enough, some blueprint fits, op]``.
        parameters: For each head below the slot ``[seed class, op, other parents, choice]``, with
            every blueprint on offer and no budget.
        never_offered: Likewise for the blueprint head, with no blueprint on offer.
        gate_exceeds: Likewise for the style head, with no room for a gate.
    """

    ops: Flags
    parameters: Mapping[Head, Flags]
    never_offered: Flags
    gate_exceeds: Flags


def classify_seeds(seeds: SeedArrays, is_living: Flags) -> Integers:
    """Tell seeds apart as far as the parameters of an op depend on them.

    Args:
        seeds: The seeds, ``[N, S]``.
        is_living: Where there is one, ``[N, S]``.

    Returns:
        Index into the first axis of the tables, ``[N, S]``; 0 where no seed lives.
    """
    kind = np.where(seeds.alpha > 0, _BETWEEN, 0)
    for target in AlphaTarget:
        kind[np.abs(seeds.alpha - target.alpha) <= SAME_ALPHA] = 1 + target
    return np.where(is_living, 1 + len(_ALPHAS) * seeds.style.astype(np.intp) + kind, 0)


@cache
def build_legality_tables() -> LegalityTables:
    """Ask legality about every combination of facts."""
    seeds = [None, *(_build_seed(style, alpha) for style, alpha in product(Style, _ALPHAS))]
    hosts = [_build_host(seed) for seed in seeds]
    heads = [head for head in Head if head not in {Head.OP, Head.SLOT}]
    return LegalityTables(
        ops=_ask_ops(),
        parameters={head: _ask_choices(hosts, head) for head in heads},
        never_offered=_ask_choices([_build_host(seed, _NOTHING) for seed in seeds], Head.BLUEPRINT),
        gate_exceeds=_ask_choices([_build_host(seed, budget=0) for seed in seeds], Head.STYLE),
    )


def _ask_ops() -> Flags:
    stages = range(FREE, max(SeedStage) + 1)
    table = np.zeros((len(stages), 2, 2, 2, 2, len(LifecycleOp)), dtype=np.bool_)
    for stage in [FREE, *SeedStage]:
        for facts in product((False, True), repeat=4):
            steady, gate_passed, old_enough, offered = facts
            seed = None
            if stage in LIVING_STAGES:
                mode = AlphaMode.HOLD if steady else AlphaMode.UP
                seed = _build_seed(mode=mode, gate_passed=gate_passed, age_epochs=int(old_enough))
            host = _build_host(seed, _ANYTHING if offered else _NOTHING, stage=stage)
            for op in legal_ops(host.slots[0], host):
                table[(stage - FREE, *map(int, facts), op)] = True
    return table


def _ask_choices(hosts: list[HostReport], head: Head) -> Flags:
    spec = build_action_spec((_SLOT,))
    position = spec.names.index(head)
    parents = spec.heads[position].parents
    shape = spec.mask_shapes[position]
    table = np.zeros((len(hosts), *shape), dtype=np.bool_)
    for kind, host in enumerate(hosts):
        for choices in np.ndindex(shape[:-1]):
            chosen = dict(zip(parents, choices, strict=True))
            table[(kind, *choices)] = legal_choices(host, head, chosen)
    return table.squeeze(axis=1 + parents.index(Head.SLOT))


def _build_seed(
    style: Style = Style.LINEAR_ADD,
    alpha: float = 1.0,
    *,
    mode: AlphaMode = AlphaMode.HOLD,
    gate_passed: bool = True,
    age_epochs: int = 1,
) -> SeedReport:
    check = GateCheck(name="", measured=None, required=0.0, passed=gate_passed)
    return SeedReport(
        seed_id="",
        blueprint=Blueprint.NORM,
        style=style,
        tempo=Tempo.STANDARD,
        parameters=0,
        age_epochs=age_epochs,
        epochs_in_stage=0,
        alpha=AlphaReport(alpha=alpha, target=alpha, mode=mode, steps_total=0, steps_done=0),
        gate=GateVerdict(gate=GateLevel.G1, checks=(check,)),
        shadow_gain=None,
        contribution=None,
        contribution_velocity=None,
        epochs_since_counterfactual=None,
        improvement_points=None,
        gradient_norm=None,
        gradient_health=None,
        previous_gradient_health=None,
    )


def _build_host(
    seed: SeedReport | None,
    offered: Mapping[Blueprint, int] = _ANYTHING,
    *,
    stage: int | None = None,
    budget: int | None = None,
) -> HostReport:
    """Build a host with one slot; without a stage, a seed in it is held."""
    if stage is None:
        stage = FREE if seed is None else SeedStage.HOLDING
    slot = SlotReport(
        slot_id=_SLOT,
        stage=None if stage == FREE else SeedStage(stage),
        cooldown_epochs=0,
        seed=seed,
        blueprint_parameters=offered,
        gate_parameters=1,
    )
    return HostReport(
        environment=0,
        epoch=1,
        host_parameters=0,
        parameters=0,
        max_parameters=budget,
        min_prune_age_epochs=1,
        slots=(slot,),
    )
