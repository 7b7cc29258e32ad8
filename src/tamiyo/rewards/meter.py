"""RewardMeter: follows one environment through an episode and pays every step.

Potential-based shaping: Ng, Harada and Russell 1999, "Policy invariance under reward
transformations". Attribution and stages are paid as ``gamma * after - before`` and are worth 0 at
the end, so their discounted sum over an episode is 0 whatever is done in it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tamiyo.contracts import (
    AdaptationCommand,
    EpisodeCounters,
    EpochReport,
    HostReport,
    LifecycleOp,
    RewardParts,
    SeedReport,
    SeedStage,
)
from tamiyo.rewards.credit import (
    compute_attribution_potential,
    compute_credits,
    compute_net_gain,
)
from tamiyo.rewards.hindsight import ScaffoldLedger
from tamiyo.rewards.parts import (
    compute_intervention_cost,
    compute_rent,
    compute_shock,
    compute_stage_potential,
    compute_synergy,
)

if TYPE_CHECKING:
    from tamiyo.contracts import TaskConfig
    from tamiyo.rewards.config import RewardConfig

__all__ = ["Ending", "PaidStep", "RewardMeter"]


@dataclass(frozen=True, kw_only=True)
class Ending:
    """How an episode ended.

    Attributes:
        score: Score of the committed network on the control split, points.
        baseline: What is taken off it, points; no action of the episode changes it.
        diverged: Whether it ended because training diverged.
    """

    score: float
    baseline: float = 0.0
    diverged: bool = False


@dataclass(frozen=True, kw_only=True)
class PaidStep:
    """One step of one environment.

    Attributes:
        before: The host when it was decided.
        command: What was carried out.
        after: The host after the epoch.
        measured: What the epoch measured.
        twin_points: Control accuracy of the wait-only twin after the same epoch, points; ``None``
            without one.
        ending: How the episode ended; ``None`` while it goes on.
    """

    before: HostReport
    command: AdaptationCommand
    after: HostReport
    measured: EpochReport
    twin_points: float | None
    ending: Ending | None


class RewardMeter:
    """Pays the steps of one episode, in their order; equal steps are paid equally.

    Args:
        config: How much each part counts.
        task: Rent and number of decisions.
        gamma: Discount of the learner, in [0, 1].
        host: The host before anything grew.

    Attributes:
        counters: What was done so far.
    """

    def __init__(
        self, config: RewardConfig, task: TaskConfig, *, gamma: float, host: HostReport
    ) -> None:
        self.counters = EpisodeCounters()
        self._config = config
        self._task = task
        self._gamma = gamma
        self._contributions: dict[str, float] = {}
        self._credits: dict[str, float | None] = {}
        self._was_useful: set[str] = set()
        self._interactions: dict[frozenset[str], float] = {}
        self._attribution = 0.0
        self._stages = compute_stage_potential(host)
        self._ledger = ScaffoldLedger(
            most_points=config.hindsight_points,
            weight=config.hindsight_weight,
            discount=config.hindsight_discount,
        )

    @property
    def is_thrashing(self) -> bool:
        """Whether so many seeds came and went without credit that an alarm is due."""
        return self.counters.fruitless_cycles >= self._config.thrash_cycles

    def pay(self, step: PaidStep) -> RewardParts:
        """Pay one step.

        Args:
            step: The step after those paid so far.

        Returns:
            The parts of its reward, points.
        """
        config, ending = self._config, step.ending
        owed = self._ledger.deliver()
        synergy = self._take_in(step)
        if ending is not None:
            owed += self._ledger.deliver()
        penalty = config.divergence_points if ending is not None and ending.diverged else 0.0
        return RewardParts(
            bounded_attribution=config.attribution_weight * self._move_attribution(ending),
            stage_shaping=config.stage_weight * self._move_stages(step),
            compute_rent=-config.rent_weight * compute_rent(step.after, self._task),
            alpha_shock=-config.shock_points * compute_shock(step.before, step.command, step.after),
            intervention_cost=-config.intervention_points * compute_intervention_cost(step.command),
            synergy=synergy,
            hindsight_credit=owed,
            terminal=0.0 if ending is None else ending.score - penalty,
            baseline=0.0 if ending is None else -ending.baseline,
        )

    def _take_in(self, step: PaidStep) -> float:
        """Update credits, counters and ledger; return what is paid for synergy."""
        seeds = {slot.seed.seed_id: slot.seed for slot in step.after.slots if slot.seed is not None}
        self._count_command(step)
        self._read_contributions(step)
        net_gain = compute_net_gain(step.measured.control_accuracy, step.twin_points)
        known = {seed_id: self._contributions.get(seed_id) for seed_id in seeds}
        self._credits = compute_credits(known, net_gain)
        self._was_useful |= {name for name, points in self._credits.items() if (points or 0) > 0}
        unknown = sum(points is None for points in self._credits.values())
        self._update(unknown_credits=self.counters.unknown_credits + unknown)
        self._read_interactions(step)
        synergy = self._commit(step)
        self._ledger.forget(seeds)
        self._interactions = {
            pair: points for pair, points in self._interactions.items() if pair <= seeds.keys()
        }
        self._update(
            scaffolds=len(self._ledger.delays), scaffold_delay_epochs=self._ledger.mean_delay
        )
        return synergy

    def _count_command(self, step: PaidStep) -> None:
        counters, op = self.counters, step.command.op
        if op == LifecycleOp.GERMINATE:
            self._update(seeds_created=counters.seeds_created + 1)
        elif op == LifecycleOp.FOSSILIZE:
            self._update(seeds_fossilized=counters.seeds_fossilized + 1)
        elif op == LifecycleOp.PRUNE:
            seed = _find_seed(step.before, step.command)
            is_known = step.twin_points is not None
            is_fruitless = is_known and seed is not None and seed.seed_id not in self._was_useful
            self._update(
                prunes=counters.prunes + 1,
                fruitless_cycles=counters.fruitless_cycles + int(is_fruitless),
            )

    def _read_contributions(self, step: PaidStep) -> None:
        """Remember what was measured; a fossil keeps what was measured before it was one."""
        for slot in step.after.slots:
            seed = slot.seed
            if seed is None or slot.stage == SeedStage.FOSSILIZED or seed.contribution is None:
                continue
            self._contributions[seed.seed_id] = seed.contribution.points

    def _read_interactions(self, step: PaidStep) -> None:
        """Remember how pairs work together, and that the older of the two helped the younger.

        Pairs are measured while both are live: committing either one ends that.
        """
        for pair in step.measured.interactions:
            seeds = [step.after.slot(slot_id).seed for slot_id in pair.slot_ids]
            one, other = seeds
            if one is None or other is None:
                continue
            self._interactions[frozenset((one.seed_id, other.seed_id))] = pair.points
            if one.age_epochs == other.age_epochs:
                continue
            older, younger = (one, other) if one.age_epochs > other.age_epochs else (other, one)
            self._ledger.record(
                older.seed_id, younger.seed_id, pair.points, epoch=step.measured.epoch
            )

    def _commit(self, step: PaidStep) -> float:
        """Settle what is due when a seed was committed: credit for scaffolds, and synergy."""
        seed = _find_seed(step.before, step.command)
        if step.command.op != LifecycleOp.FOSSILIZE or seed is None:
            return 0.0
        if not (self._credits.get(seed.seed_id) or 0.0) > 0:
            return 0.0
        self._update(contributing_fossilized=self.counters.contributing_fossilized + 1)
        self._ledger.settle(seed.seed_id, epoch=step.measured.epoch)
        together = compute_synergy(self._list_interactions(seed.seed_id, step.after))
        config = self._config
        return min(config.synergy_bound_points, config.synergy_weight * together)

    def _list_interactions(self, seed_id: str, host: HostReport) -> list[float]:
        """List what was measured last of a seed with those that are committed.

        Others do not count: a pair is paid when its second seed is committed, so that no seed that
        is pruned was ever paid for.
        """
        fossils = {
            slot.seed.seed_id
            for slot in host.slots
            if slot.stage == SeedStage.FOSSILIZED and slot.seed is not None
        }
        return [
            points
            for pair, points in self._interactions.items()
            if seed_id in pair and pair <= fossils
        ]

    def _move_attribution(self, ending: Ending | None) -> float:
        before = self._attribution
        self._attribution = (
            compute_attribution_potential(
                self._credits, bound_points=self._config.attribution_bound_points
            )
            if ending is None
            else 0.0
        )
        return self._gamma * self._attribution - before

    def _move_stages(self, step: PaidStep) -> float:
        before = self._stages
        self._stages = compute_stage_potential(step.after) if step.ending is None else 0.0
        return self._gamma * self._stages - before

    def _update(self, **changes: float | None) -> None:
        self.counters = replace(self.counters, **changes)  # type: ignore[arg-type]  # fields differ


def _find_seed(host: HostReport, command: AdaptationCommand) -> SeedReport | None:
    """Return the seed a command was about, as it stood before."""
    return None if command.slot_id is None else host.slot(command.slot_id).seed
