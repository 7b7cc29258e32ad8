"""SeedSlot: a place in the host that holds at most one seed, and the clock of its cooldown.

Everything here is arithmetic on stages and clocks; the model decides what is legal before it calls.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tamiyo.contracts import (
    AlphaCurve,
    InvariantError,
    LifecycleConfig,
    SeedStage,
    SlotReport,
    Style,
)
from tamiyo.model.blueprints import SlotShape, count_blueprint_parameters, count_gate_parameters
from tamiyo.model.gates import judge_gate
from tamiyo.model.seed import Seed, SeedMeasurement

if TYPE_CHECKING:
    from tamiyo.model.alpha import Weights

__all__ = ["SeedSlot", "StageRecord"]

StageRecord = Callable[["SeedSlot", str, "SeedStage | None", "SeedStage | None", int], None]
"""Told of every stage change: slot, seed id, from, to, epochs spent in the stage left."""


class SeedSlot:
    """One slot.

    Args:
        slot_id: Its id.
        path: Path of the module whose output the seed works on.
        shape: Shape of that output.
        config: Thresholds and clocks.
        record: Told of every stage change.
    """

    def __init__(
        self,
        *,
        slot_id: str,
        path: str,
        shape: SlotShape,
        config: LifecycleConfig,
        record: StageRecord,
    ) -> None:
        self.slot_id = slot_id
        self.path = path
        self.shape = shape
        self.seed: Seed | None = None
        self.cooldown_epochs = 0
        self.seeds_planted = 0
        self._config = config
        self._record = record
        self._cooling_seed_id = ""
        self._cooling_stage: SeedStage | None = None

    @property
    def stage(self) -> SeedStage | None:
        """Stage of the seed or of the cooldown; ``None`` if and only if the slot is free."""
        return self._cooling_stage if self.seed is None else self.seed.stage

    @property
    def weights(self) -> Weights:
        """Styles and alphas in effect here in the network's own output."""
        return () if self.seed is None else self.seed.weights

    def plant(self, seed: Seed) -> None:
        """Put a new seed into the free slot.

        Raises:
            InvariantError: If the slot is not free.
        """
        if self.stage is not None:
            message = f"slot {self.slot_id} must be free to germinate, got stage {self.stage.name}"
            raise InvariantError(message)
        self.seed = seed
        self.seeds_planted += 1
        self._record(self, seed.seed_id, None, SeedStage.GERMINATED, 0)

    def advance(self, *, control_accuracy: float | None) -> None:
        """Take the seed to its next stage before commitment; blending starts its first ramp.

        Args:
            control_accuracy: Last measured control accuracy, points.
        """
        seed = self._living()
        if seed.stage == SeedStage.GERMINATED:
            self._enter(SeedStage.TRAINING)
            if self._config.incubate:
                return
        if seed.stage == SeedStage.TRAINING:
            self._enter(SeedStage.BLENDING, control_accuracy=control_accuracy)
            style = seed.schedule.style
            steps = seed.tempo.epochs if self._config.ramp else 0
            seed.schedule.begin(style, seed.first_target.alpha, steps=steps, curve=style.ramp_curve)
        else:
            self._enter(SeedStage.HOLDING)

    def retarget(self, style: Style, alpha: float, *, steps: int, curve: AlphaCurve) -> None:
        """Ramp to another alpha or cross-fade to another style; a holding seed blends again.

        Args:
            style: Style at the end of the ramp.
            alpha: Alpha at its end.
            steps: Epochs it takes; 0 jumps.
            curve: Its shape.
        """
        seed = self._living()
        if seed.stage == SeedStage.HOLDING:
            self._enter(SeedStage.BLENDING)
        seed.schedule.begin(style, alpha, steps=steps, curve=curve)

    def ramp_out(self, steps: int, curve: AlphaCurve) -> None:
        """Begin a ramp to alpha 0, at whose end the seed is removed; it cannot be called back."""
        self.retarget(self._living().schedule.style, 0.0, steps=steps, curve=curve)

    def fossilize(self) -> None:
        """Make the seed part of the host for good, at its present alpha."""
        self._enter(SeedStage.FOSSILIZED)

    def tick(self) -> Seed | None:
        """Let one epoch pass over cooldown and alpha.

        Returns:
            The seed whose way out ended in this tick, already removed, else ``None``.
        """
        if self.seed is None:
            if self.cooldown_epochs > 0:
                self.cooldown_epochs -= 1
                self._walk_cooldown()
            return None
        reached = self.seed.schedule.tick()
        if reached and self.seed.schedule.target == 0 and self.seed.has_influence:
            return self.remove_seed(cooldown_epochs=self._config.embargo_epochs_after_prune)
        return None

    def remove_seed(self, *, cooldown_epochs: int | None = None) -> Seed:
        """Take the seed out and close the slot.

        Args:
            cooldown_epochs: Ticks until it is free again; the whole embargo if not given.

        Returns:
            The seed that was removed.
        """
        seed = self._living()
        if cooldown_epochs is None:
            cooldown_epochs = self._config.embargo_epochs_after_prune
        self._record(self, seed.seed_id, seed.stage, SeedStage.PRUNED, seed.epochs_in_stage)
        self.seed = None
        self._cooling_seed_id = seed.seed_id
        self.cooldown_epochs = cooldown_epochs
        self._cooling_stage = SeedStage.PRUNED
        self._walk_cooldown()
        return seed

    def finish_epoch(self, measured: SeedMeasurement | None, *, control_accuracy: float) -> None:
        """Hand an epoch's measurements to the seed, if there is one."""
        if self.seed is not None:
            self.seed.finish_epoch(measured or SeedMeasurement(), control_accuracy=control_accuracy)

    def report(self) -> SlotReport:
        """Return the slot as plain numbers."""
        seed = self.seed
        return SlotReport(
            slot_id=self.slot_id,
            stage=self.stage,
            cooldown_epochs=min(self.cooldown_epochs, self._config.embargo_epochs_after_prune),
            seed=None if seed is None else seed.report(judge_gate(seed, self._config)),
            blueprint_parameters=dict(count_blueprint_parameters(self.shape)),
            gate_parameters=count_gate_parameters(self.shape),
        )

    def _living(self) -> Seed:
        if self.seed is None:
            message = f"slot {self.slot_id} must hold a seed, got stage {self.stage}"
            raise InvariantError(message)
        return self.seed

    def _enter(self, stage: SeedStage, *, control_accuracy: float | None = None) -> None:
        seed = self._living()
        before, spent = seed.stage, seed.epochs_in_stage
        seed.enter(stage, control_accuracy=control_accuracy)
        self._record(self, seed.seed_id, before, stage, spent)

    def _walk_cooldown(self) -> None:
        """Pass PRUNED -> EMBARGOED -> RESETTING -> free as far as the clock has come."""
        embargo = self._config.embargo_epochs_after_prune
        if self.cooldown_epochs < embargo or embargo == 0:
            self._cool_to(SeedStage.PRUNED, SeedStage.EMBARGOED)
        if (self.cooldown_epochs <= 1 and embargo > 1) or self.cooldown_epochs == 0:
            self._cool_to(SeedStage.EMBARGOED, SeedStage.RESETTING)
        if self.cooldown_epochs == 0:
            self._cool_to(SeedStage.RESETTING, None)

    def _cool_to(self, before: SeedStage, after: SeedStage | None) -> None:
        if self._cooling_stage == before:
            self._cooling_stage = after
            self._record(self, self._cooling_seed_id, before, after, 0)
