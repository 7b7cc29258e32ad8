"""The rule-based controller: grow early and on plateaus, keep what pays, drop the rest."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from tamiyo.contracts import (
    AlphaMode,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    ConfigError,
    LifecycleOp,
    SeedStage,
    Style,
    TamiyoDecision,
    Tempo,
    check_at_least,
    legal_ops,
)
from tamiyo.controller.protocol import is_legal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tamiyo.contracts import HostReport, SeedReport, SlotReport, TrainingSignals

__all__ = ["Heuristic", "HeuristicConfig", "SlotOrder"]


class SlotOrder(StrEnum):
    """Which free slot is used first; ties go by the order of the slot head."""

    MOST_BUILDABLE = "most-buildable"
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, kw_only=True)
class HeuristicConfig:
    """Thresholds of the rules.

    Attributes:
        blueprints: What may be planted, the best first; its place is its rank, counted from 0.
        style: How a seed is composed.
        tempo: Length of its first ramp.
        alpha_target: Alpha that ramp leads to.
        slot_order: Which free slot is used first.
        max_concurrent: Seeds under way at once, at least 1.
        harm_errors: Standard errors by which the contribution of a holding seed must be below zero
            before it is pruned for it.
        early_seeds: Seeds planted as soon as the host is stabilized; a seed that comes late trains
            too little to catch up with one that was there from the start.
        plateau_epochs_to_germinate: Epochs without progress before any further seed is planted.
        min_epochs_before_germinate: Completed epochs before a seed is planted.
        spare_epochs: Decisions that must be left beyond the fewest that lead a seed to commitment.
        prune_after_epochs_without_improvement: Epochs a seed may incubate without a shadow gain.
        max_stage_epochs: Epochs a seed may stay in any stage before HOLDING.
        max_holding_epochs: Epochs a seed may hold without passing the gate to commitment.
        prune_speed: Length of the way out of a seed that has influence.
        prune_penalty: Ranks its blueprint falls when a seed is pruned or lost.
        fossilize_bonus: Ranks its blueprint rises when a seed that contributes enough is committed.
        good_points_per_percent: Points a seed must contribute for the bonus, per percent of the
            host's own parameters that it adds.
        standing_decay: Share of penalties and bonuses that a germination leaves, in [0, 1].
    """

    blueprints: tuple[Blueprint, ...] = (
        Blueprint.CONV_HEAVY,
        Blueprint.CONV_LIGHT,
        Blueprint.BOTTLENECK,
        Blueprint.DEPTHWISE,
        Blueprint.MLP,
        Blueprint.ATTENTION,
        Blueprint.MLP_SMALL,
        Blueprint.LORA_LARGE,
        Blueprint.FLEX_ATTENTION,
        Blueprint.LORA,
        Blueprint.NORM,
        Blueprint.CONV_SMALL,
    )
    style: Style = Style.SIGMOID_ADD
    tempo: Tempo = Tempo.STANDARD
    alpha_target: AlphaTarget = AlphaTarget.FULL
    slot_order: SlotOrder = SlotOrder.FIRST
    max_concurrent: int = 2
    harm_errors: float = 2.0
    early_seeds: int = 2
    plateau_epochs_to_germinate: int = 3
    min_epochs_before_germinate: int = 5
    spare_epochs: int = 2
    prune_after_epochs_without_improvement: int = 5
    max_stage_epochs: int = 12
    max_holding_epochs: int = 8
    prune_speed: AlphaSpeed = AlphaSpeed.FAST
    prune_penalty: float = 2.0
    fossilize_bonus: float = 1.0
    good_points_per_percent: float = 0.1
    standing_decay: float = 0.5

    def __post_init__(self) -> None:
        """Check every number where it enters.

        Raises:
            ConfigError: If a number is outside its range, or blueprints are none, double or NOOP.
        """
        smallest = {
            "max_concurrent": 1,
            "harm_errors": 0,
            "early_seeds": 0,
            "plateau_epochs_to_germinate": 0,
            "min_epochs_before_germinate": 0,
            "spare_epochs": 0,
            "prune_after_epochs_without_improvement": 0,
            "max_stage_epochs": 1,
            "max_holding_epochs": 1,
            "prune_penalty": 0,
            "fossilize_bonus": 0,
            "good_points_per_percent": 0,
        }
        check_at_least(self, smallest)
        if not 0 <= self.standing_decay <= 1:
            message = f"standing_decay must be in [0, 1], got {self.standing_decay}"
            raise ConfigError(message)
        unique = set(self.blueprints) - {Blueprint.NOOP}
        if not unique or len(unique) < len(self.blueprints):
            names = ", ".join(blueprint.name for blueprint in self.blueprints) or "none"
            message = f"blueprints must be one or more different ones without NOOP, got {names}"
            raise ConfigError(message)

    @property
    def epochs_to_commitment(self) -> int:
        """Fewest decisions from planting a seed to committing it, both counted.

        Germinate, advance to TRAINING, to BLENDING and, after the ramp, to HOLDING, fossilize.
        """
        return 4 + self.tempo.epochs


class Heuristic:
    """Applies the rules to one host; the first that has something legal to do decides.

    1. Fossilize what has passed its gate, the largest contribution first.
    2. Prune what does harm beyond its standard error, or has waited too long for its gate.
    3. Advance what has passed its gate.
    4. Plant a seed if the host is stabilized, few enough are under way, and the seed can still be
       committed; after the first, early ones only on a plateau.

    Blueprints are tried in the order of their rank less their standing. A prune lowers the
    standing, a good commitment raises it, and it fades with every germination, not with every
    epoch: it acts when a blueprint is next chosen, however long the slot was closed.

    Args:
        config: The thresholds.
    """

    name = "heuristic"

    def __init__(self, config: HeuristicConfig) -> None:
        self._config = config
        self._standing: dict[Blueprint, float] = dict.fromkeys(config.blueprints, 0.0)
        self._watched: dict[str, SeedReport] = {}
        self._planted = 0

    def decide(self, signals: TrainingSignals, host: HostReport) -> TamiyoDecision:
        """Return what the rules say, else WAIT with the obstacle to planting as its reason.

        Args:
            signals: The course of training so far.
            host: The host and its slots now.
        """
        self._record_outcomes(host)
        decision = self._fossilize(host) or self._prune(host) or self._advance(host)
        if decision is not None:
            return decision
        obstacle = self._find_obstacle(signals, host)
        if obstacle is not None:
            return TamiyoDecision(reason=obstacle)
        if self._planted < self._config.early_seeds:
            why = f"early seed {self._planted + 1} of {self._config.early_seeds}"
        else:
            why = f"no progress for {signals.plateau_epochs} epochs"
        reason = f"{why}, {signals.epochs_left} left"
        return self._germinate(host, reason) or TamiyoDecision(
            reason="no preferred blueprint can be built in a free slot"
        )

    def _record_outcomes(self, host: HostReport) -> None:
        """Compare with the seeds of the last decision: what was lost, what was committed."""
        present = {slot.seed.seed_id: slot for slot in host.slots if slot.seed is not None}
        growing = {seed.seed_id: seed for _, seed in _growing(host)}
        for seed_id, seed in self._watched.items():
            if seed_id in growing:
                continue
            slot = present.get(seed_id)
            if slot is None or slot.stage != SeedStage.FOSSILIZED:
                self._change_standing(seed.blueprint, -self._config.prune_penalty)
            elif self._is_good(seed, host):
                self._change_standing(seed.blueprint, self._config.fossilize_bonus)
        self._watched = growing

    def _change_standing(self, blueprint: Blueprint, ranks: float) -> None:
        self._standing[blueprint] = self._standing.get(blueprint, 0.0) + ranks

    def _is_good(self, seed: SeedReport, host: HostReport) -> bool:
        percent = 100 * seed.parameters / host.host_parameters
        points = 0.0 if seed.contribution is None else seed.contribution.points
        return points > 0 and points >= self._config.good_points_per_percent * percent

    def _fossilize(self, host: HostReport) -> TamiyoDecision | None:
        ready = _growing_with(host, LifecycleOp.FOSSILIZE)
        if not ready:
            return None
        slot, seed = max(ready, key=_points_of)
        reason = f"contributes {_describe(seed)} after {seed.epochs_in_stage} epochs of holding"
        return TamiyoDecision(op=LifecycleOp.FOSSILIZE, slot_id=slot.slot_id, reason=reason)

    def _prune(self, host: HostReport) -> TamiyoDecision | None:
        for slot, seed in _growing_with(host, LifecycleOp.PRUNE):
            reason = self._find_harm(slot, seed)
            if reason is None and LifecycleOp.ADVANCE not in legal_ops(slot, host):
                reason = self._find_delay(slot, seed)
            if reason is not None:
                has_influence = seed.alpha.alpha > 0
                return TamiyoDecision(
                    op=LifecycleOp.PRUNE,
                    slot_id=slot.slot_id,
                    alpha_speed=self._config.prune_speed if has_influence else AlphaSpeed.INSTANT,
                    reason=reason,
                )
        return None

    def _find_harm(self, slot: SlotReport, seed: SeedReport) -> str | None:
        """Say that a holding seed makes the network worse, if it does so beyond doubt."""
        gain = seed.contribution
        if slot.stage != SeedStage.HOLDING or gain is None or gain.points_error is None:
            return None
        if gain.points + self._config.harm_errors * gain.points_error >= 0:
            return None
        return f"contributes {_describe(seed)}"

    def _find_delay(self, slot: SlotReport, seed: SeedReport) -> str | None:
        """Say why a seed that may not move on has waited long enough, if it has."""
        config = self._config
        epochs = seed.epochs_in_stage
        gain = None if seed.shadow_gain is None else seed.shadow_gain.loss
        if slot.stage == SeedStage.HOLDING:
            limit, why = config.max_holding_epochs, f"contributes {_describe(seed)}"
        elif slot.stage == SeedStage.TRAINING and (gain is None or gain <= 0):
            limit = min(config.prune_after_epochs_without_improvement, config.max_stage_epochs)
            why = "no shadow gain measured" if gain is None else f"shadow gain {gain:.3g}"
        else:
            limit, why = config.max_stage_epochs, "its gate does not pass"
        if epochs <= limit:
            return None
        return f"{why} after {epochs} epochs in this stage, more than {limit}"

    @staticmethod
    def _advance(host: HostReport) -> TamiyoDecision | None:
        for slot, seed in _growing_with(host, LifecycleOp.ADVANCE):
            reason = f"its gate passed after {seed.epochs_in_stage} epochs in this stage"
            return TamiyoDecision(op=LifecycleOp.ADVANCE, slot_id=slot.slot_id, reason=reason)
        return None

    def _find_obstacle(self, signals: TrainingSignals, host: HostReport) -> str | None:
        """Say what speaks against planting a seed now, the first obstacle only."""
        config = self._config
        needed = config.epochs_to_commitment + config.spare_epochs
        under_way = sum(_is_under_way(slot) for slot in host.slots)
        is_early = self._planted < config.early_seeds
        patience = 0 if is_early else config.plateau_epochs_to_germinate
        first = config.min_epochs_before_germinate
        most = config.max_concurrent
        obstacles = (
            (not signals.is_stabilized, "the host is not stabilized yet"),
            (signals.epoch < first, f"{signals.epoch} of {first} epochs before the first seed"),
            (
                signals.epochs_left < needed,
                f"{signals.epochs_left} decisions left, {needed} needed",
            ),
            (under_way >= most, f"{under_way} of at most {most} seeds under way"),
            (
                signals.plateau_epochs < patience,
                f"no progress for {signals.plateau_epochs} of {patience} epochs",
            ),
        )
        return next((text for blocks, text in obstacles if blocks), None)

    def _germinate(self, host: HostReport, reason: str) -> TamiyoDecision | None:
        ranks = {blueprint: rank for rank, blueprint in enumerate(self._config.blueprints)}
        order = sorted(ranks, key=lambda blueprint: ranks[blueprint] - self._standing[blueprint])
        for slot in self._order_slots(host):
            for blueprint in order:
                decision = TamiyoDecision(
                    op=LifecycleOp.GERMINATE,
                    slot_id=slot.slot_id,
                    blueprint=blueprint,
                    style=self._config.style,
                    tempo=self._config.tempo,
                    alpha_target=self._config.alpha_target,
                    reason=reason,
                )
                if is_legal(host, decision):
                    self._fade_standing()
                    self._planted += 1
                    return decision
        return None

    def _fade_standing(self) -> None:
        for blueprint in self._standing:
            self._standing[blueprint] *= self._config.standing_decay

    def _order_slots(self, host: HostReport) -> list[SlotReport]:
        free = [slot for slot in host.slots if LifecycleOp.GERMINATE in legal_ops(slot, host)]
        if self._config.slot_order == SlotOrder.LAST:
            return free[::-1]
        if self._config.slot_order == SlotOrder.FIRST:
            return free
        wanted = set(self._config.blueprints)
        return sorted(free, key=lambda slot: -len(wanted & slot.blueprint_parameters.keys()))


def _growing(host: HostReport) -> Iterator[tuple[SlotReport, SeedReport]]:
    """Yield every seed that is neither committed nor on its way out."""
    for slot in host.slots:
        if slot.seed is not None and _is_under_way(slot) and not _is_leaving(slot.seed):
            yield slot, slot.seed


def _growing_with(host: HostReport, op: LifecycleOp) -> list[tuple[SlotReport, SeedReport]]:
    return [(slot, seed) for slot, seed in _growing(host) if op in legal_ops(slot, host)]


def _is_under_way(slot: SlotReport) -> bool:
    return slot.seed is not None and slot.stage != SeedStage.FOSSILIZED


def _is_leaving(seed: SeedReport) -> bool:
    return seed.alpha.mode == AlphaMode.DOWN and seed.alpha.target <= 0


def _points_of(place: tuple[SlotReport, SeedReport]) -> float:
    contribution = place[1].contribution
    return float("-inf") if contribution is None else contribution.points


def _describe(seed: SeedReport) -> str:
    gain = seed.contribution
    if gain is None:
        return "an unmeasured amount"
    error = "unknown" if gain.points_error is None else f"{gain.points_error:.2f}"
    return f"{gain.points:.2f} points, standard error {error},"
