"""LifecycleRecorder: turns what happens to seeds into events, each exactly once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tamiyo.contracts import (
    AdaptationCommand,
    EventSink,
    GateEvaluated,
    Initiator,
    LifecycleConfig,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    SeedStage,
    StageChanged,
)
from tamiyo.model.gates import judge_gate

if TYPE_CHECKING:
    from tamiyo.model.seed import Seed
    from tamiyo.model.slot import SeedSlot

__all__ = ["LifecycleRecorder"]


class LifecycleRecorder:
    """Emits the lifecycle events of one environment.

    Args:
        sink: Where they go.
        environment: Index of the environment.
    """

    def __init__(self, sink: EventSink, environment: int) -> None:
        self.environment = environment
        self._sink = sink
        self._announced: dict[str, tuple[int, bool]] = {}

    def stage_changed(
        self,
        epoch: int,
        slot: SeedSlot,
        seed_id: str,
        stages: tuple[SeedStage | None, SeedStage | None],
        spent: int,
    ) -> None:
        """Record a step from one stage to the next; ``spent`` is the epochs in the stage left."""
        self._sink.emit(
            StageChanged(
                environment=self.environment,
                epoch=epoch,
                slot_id=slot.slot_id,
                seed_id=seed_id,
                from_stage=stages[0],
                to_stage=stages[1],
                alpha=0.0 if slot.seed is None else slot.seed.schedule.alpha,
                epochs_in_stage=spent,
            )
        )

    def gate_evaluated(self, epoch: int, slot: SeedSlot, config: LifecycleConfig) -> None:
        """Record the verdict on a seed's next stage if gate or answer are not those of before."""
        seed = slot.seed
        verdict = None if seed is None else judge_gate(seed, config)
        if seed is None or verdict is None:
            self._announced.pop(slot.slot_id, None)
            return
        answer = (int(verdict.gate), verdict.passed)
        if self._announced.get(slot.slot_id) == answer:
            return
        self._announced[slot.slot_id] = answer
        self._sink.emit(
            GateEvaluated(
                environment=self.environment,
                epoch=epoch,
                slot_id=slot.slot_id,
                seed_id=seed.seed_id,
                verdict=verdict,
            )
        )

    def germinated(self, epoch: int, seed: Seed, command: AdaptationCommand, slot_id: str) -> None:
        """Record the birth of a seed."""
        self._sink.emit(
            SeedGerminated(
                environment=self.environment,
                epoch=epoch,
                slot_id=slot_id,
                seed_id=seed.seed_id,
                command=command,
                parameters=seed.parameters,
            )
        )

    def fossilized(self, epoch: int, slot: SeedSlot, seed: Seed, reason: str) -> None:
        """Record that a seed became part of the host."""
        self._sink.emit(
            SeedFossilized(
                environment=self.environment,
                epoch=epoch,
                slot_id=slot.slot_id,
                seed_id=seed.seed_id,
                parameters=seed.parameters,
                alpha=seed.schedule.alpha,
                contribution=seed.measured.contribution,
                improvement_points=seed.improvement_points,
                reason=reason,
            )
        )

    def pruned(
        self, epoch: int, slot: SeedSlot, seed: Seed, *, initiator: Initiator, reason: str
    ) -> None:
        """Record that a seed was removed."""
        self._sink.emit(
            SeedPruned(
                environment=self.environment,
                epoch=epoch,
                slot_id=slot.slot_id,
                seed_id=seed.seed_id,
                parameters=seed.parameters,
                age_epochs=seed.age_epochs,
                contribution=seed.measured.contribution,
                initiator=initiator,
                reason=reason,
            )
        )
