"""Seed: one living module in a slot, with its stage, clocks and what was measured about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamiyo.contracts import (
    CONTRIBUTION_MEMORY,
    COOLDOWN_STAGES,
    LIVE_STAGES,
    TRANSITIONS,
    AlphaTarget,
    Blueprint,
    GateVerdict,
    InvariantError,
    PairedDifference,
    SeedReport,
    SeedStage,
    Style,
    Tempo,
)
from tamiyo.model.alpha import AlphaSchedule, Weights

if TYPE_CHECKING:
    from tamiyo.model.blueprints import SeedModule

__all__ = ["Seed", "SeedMeasurement"]


@dataclass(frozen=True, kw_only=True)
class SeedMeasurement:
    """What one epoch measured about a seed; ``None`` for what was not measured.

    Attributes:
        contribution: Gain of having it on, if it has influence.
        shadow_gain: Gain at its intended alpha, if it incubates.
        gradient_norm: L2 norm of its gradient on the last batch.
        gradient_health: Share of healthy gradients, in [0, 1].
    """

    contribution: PairedDifference | None = None
    shadow_gain: PairedDifference | None = None
    gradient_norm: float | None = None
    gradient_health: float | None = None


class Seed:
    """A living seed; the slot that holds it decides when it changes stage.

    Args:
        seed_id: Unique name within the run.
        module: What it adds to the network.
        blueprint: What the module was built from.
        style: How it is composed.
        tempo: Length of its first ramp.
        target: Alpha its first ramp leads to.
    """

    def __init__(
        self,
        *,
        seed_id: str,
        module: SeedModule,
        blueprint: Blueprint,
        style: Style,
        tempo: Tempo,
        target: AlphaTarget,
    ) -> None:
        self.seed_id = seed_id
        self.module = module
        self.blueprint = blueprint
        self.tempo = tempo
        self.first_target = target
        self.schedule = AlphaSchedule(style)
        self.stage = SeedStage.GERMINATED
        self.age_epochs = 0
        self.epochs_in_stage = 0
        self.measured = SeedMeasurement()
        self.contribution_velocity: float | None = None
        self.epochs_since_counterfactual: int | None = None
        self.previous_gradient_health: float | None = None
        self.improvement_points: float | None = None
        self._accuracy_before_blending: float | None = None

    @property
    def parameters(self) -> int:
        """Number of trainable parameters, the gate included."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    @property
    def has_influence(self) -> bool:
        """True in the stages whose seed takes part in the network's output."""
        return self.stage in LIVE_STAGES or self.stage == SeedStage.FOSSILIZED

    @property
    def weights(self) -> Weights:
        """Styles and alphas in effect in the network's own output."""
        return self.schedule.weights if self.has_influence else ()

    @property
    def shadow_weights(self) -> Weights:
        """The style and alpha it is meant to have, which it incubates with."""
        return ((self.schedule.style, self.first_target.alpha),)

    def enter(self, stage: SeedStage, *, control_accuracy: float | None = None) -> None:
        """Go to the next stage and start its clock.

        Args:
            stage: The stage to enter.
            control_accuracy: Last measured control accuracy, points; remembered when blending
                begins.

        Raises:
            InvariantError: If the transition table does not allow it.
        """
        if stage not in TRANSITIONS[self.stage] or stage in COOLDOWN_STAGES:
            message = f"stage after {self.stage.name} must be a successor, got {stage.name}"
            raise InvariantError(message)
        if self.stage == SeedStage.TRAINING:
            self._accuracy_before_blending = control_accuracy
        self.stage = stage
        self.epochs_in_stage = 0

    def finish_epoch(self, measured: SeedMeasurement, *, control_accuracy: float) -> None:
        """Take in what an epoch measured and let it age the seed.

        Args:
            measured: The epoch's measurements.
            control_accuracy: Control accuracy of the whole network, points.
        """
        self.age_epochs += 1
        self.epochs_in_stage += 1
        self._note_contribution(measured.contribution)
        self.previous_gradient_health = self.measured.gradient_health
        self.measured = SeedMeasurement(
            contribution=measured.contribution or self.measured.contribution,
            shadow_gain=measured.shadow_gain or self.measured.shadow_gain,
            gradient_norm=measured.gradient_norm,
            gradient_health=measured.gradient_health,
        )
        if self._accuracy_before_blending is not None:
            self.improvement_points = control_accuracy - self._accuracy_before_blending

    def report(self, gate: GateVerdict | None) -> SeedReport:
        """Return the seed as plain numbers, with the verdict on its next stage."""
        return SeedReport(
            seed_id=self.seed_id,
            blueprint=self.blueprint,
            style=self.schedule.style,
            tempo=self.tempo,
            parameters=self.parameters,
            age_epochs=self.age_epochs,
            epochs_in_stage=self.epochs_in_stage,
            alpha=self.schedule.report(),
            gate=gate,
            shadow_gain=self.measured.shadow_gain,
            contribution=self.measured.contribution,
            contribution_velocity=self.contribution_velocity,
            epochs_since_counterfactual=self.epochs_since_counterfactual,
            improvement_points=self.improvement_points,
            gradient_norm=self.measured.gradient_norm,
            gradient_health=self.measured.gradient_health,
            previous_gradient_health=self.previous_gradient_health,
        )

    def _note_contribution(self, contribution: PairedDifference | None) -> None:
        if contribution is None:
            if self.epochs_since_counterfactual is not None:
                self.epochs_since_counterfactual += 1
            return
        before = self.measured.contribution
        if before is not None:
            change = contribution.points - before.points
            velocity = self.contribution_velocity
            self.contribution_velocity = (
                change
                if velocity is None
                else CONTRIBUTION_MEMORY * velocity + (1 - CONTRIBUTION_MEMORY) * change
            )
        self.epochs_since_counterfactual = 0
