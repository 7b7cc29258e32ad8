"""Growth: carries out legal commands, one handler per operation, and lets time pass over slots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tamiyo.contracts import (
    AdaptationCommand,
    AlphaAlgorithm,
    AlphaCurve,
    AlphaSpeed,
    AlphaTarget,
    Blueprint,
    CurveChoice,
    Initiator,
    InvariantError,
    LifecycleConfig,
    LifecycleOp,
    SeedStage,
    Style,
    Tempo,
)
from tamiyo.model.blueprints import build_gate, build_seed_module
from tamiyo.model.randomness import drawing_from
from tamiyo.model.seed import Seed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch
    from torch import nn

    from tamiyo.model.attaching import SlotProbe
    from tamiyo.model.blueprints import SeedModule
    from tamiyo.model.records import LifecycleRecorder
    from tamiyo.model.slot import SeedSlot

__all__ = ["CommandOutcome", "Growth"]

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class CommandOutcome:
    """What became of a command.

    Attributes:
        executed: True if it was carried out.
        refusal: Why not, in one sentence; ``None`` if it was.
    """

    executed: bool
    refusal: str | None


class Growth:
    """Changes the structure of one model.

    Args:
        host: The host.
        slots: The model's slots by id.
        seeds: The model's registry of living seed modules by slot id, kept in step here.
        probes: What was found about each slot, which says where its seeds are to live.
        config: Thresholds and clocks.
        generator: Owned generator new weights are drawn from.
        recorder: Told of every event.
    """

    def __init__(
        self,
        host: nn.Module,
        slots: Mapping[str, SeedSlot],
        seeds: nn.ModuleDict,
        *,
        probes: Mapping[str, SlotProbe],
        config: LifecycleConfig,
        generator: torch.Generator,
        recorder: LifecycleRecorder,
    ) -> None:
        self.control_accuracy: float | None = None
        self._host = host
        self._slots = slots
        self._seeds = seeds
        self._probes = probes
        self._config = config
        self._generator = generator
        self._recorder = recorder
        self._way_out: dict[str, tuple[Initiator, str]] = {}
        self._handlers = {
            LifecycleOp.GERMINATE: self._germinate,
            LifecycleOp.ADVANCE: self._advance,
            LifecycleOp.SET_ALPHA_TARGET: self._set_alpha_target,
            LifecycleOp.FOSSILIZE: self._fossilize,
            LifecycleOp.PRUNE: self._prune,
        }

    def execute(self, command: AdaptationCommand, epoch: int) -> None:
        """Carry out a command that is known to be legal."""
        if command.op == LifecycleOp.WAIT or command.slot_id is None:
            return
        self._handlers[command.op](self._slots[command.slot_id], command, epoch)

    def tick(self, epoch: int) -> None:
        """Let one epoch pass; bury the seeds whose way out ended and drop gates no style needs."""
        for slot in self._slots.values():
            removed = slot.tick()
            if removed is not None:
                initiator, reason = self._way_out.pop(removed.seed_id)
                self._bury(slot, removed, initiator, reason, epoch)
            elif slot.seed is not None and not _needs_gate(slot.seed):
                slot.seed.module.gate = None

    def ramp_out_uncommitted(
        self, steps: int, initiator: Initiator, reason: str, epoch: int
    ) -> None:
        """Send every uncommitted seed on its way out; see ``TamiyoModel.ramp_out_uncommitted``."""
        for slot in self._slots.values():
            seed = slot.seed
            if seed is None or seed.stage == SeedStage.FOSSILIZED:
                continue
            if seed.schedule.target == 0 and 0 < seed.schedule.steps_left <= steps:
                continue  # already on its way out, and there in time
            if steps == 0 or seed.schedule.alpha == 0:
                self._way_out.pop(seed.seed_id, None)
                self._bury(slot, slot.remove_seed(), initiator, reason, epoch)
            else:
                slot.ramp_out(steps, AlphaCurve.LINEAR)
                self._way_out[seed.seed_id] = (initiator, reason)

    def _germinate(self, slot: SeedSlot, command: AdaptationCommand, epoch: int) -> None:
        blueprint = _given(command, command.blueprint, Blueprint)
        style = _given(command, command.style, Style)
        gated = style.algorithm == AlphaAlgorithm.GATE
        with drawing_from(self._generator):
            module = build_seed_module(blueprint, slot.shape, gated=gated)
        seed = Seed(
            seed_id=f"{slot.slot_id}-{slot.seeds_planted + 1}-{blueprint.name.lower()}",
            module=module,
            blueprint=blueprint,
            style=style,
            tempo=_given(command, command.tempo, Tempo),
            target=_given(command, command.alpha_target, AlphaTarget),
        )
        self._place(slot, module)
        self._seeds[slot.slot_id] = module
        slot.plant(seed)
        self._recorder.germinated(epoch, seed, command, slot.slot_id)

    def _advance(self, slot: SeedSlot, _command: AdaptationCommand, _epoch: int) -> None:
        slot.advance(control_accuracy=self.control_accuracy)

    def _set_alpha_target(self, slot: SeedSlot, command: AdaptationCommand, _epoch: int) -> None:
        seed = _seed_of(slot)
        style = _given(command, command.style, Style)
        if style.algorithm == AlphaAlgorithm.GATE and seed.module.gate is None:
            with drawing_from(self._generator):
                seed.module.gate = build_gate(slot.shape)
            self._place(slot, seed.module)
        slot.retarget(
            style,
            _given(command, command.alpha_target, AlphaTarget).alpha,
            steps=_given(command, command.alpha_speed, AlphaSpeed).epochs,
            curve=_given(command, command.alpha_curve, CurveChoice).curve,
        )

    def _fossilize(self, slot: SeedSlot, command: AdaptationCommand, epoch: int) -> None:
        slot.fossilize()
        self._recorder.fossilized(epoch, slot, _seed_of(slot), command.reason)

    def _prune(self, slot: SeedSlot, command: AdaptationCommand, epoch: int) -> None:
        seed = _seed_of(slot)
        speed = _given(command, command.alpha_speed, AlphaSpeed)
        curve = _given(command, command.alpha_curve, CurveChoice).curve
        if speed == AlphaSpeed.INSTANT:
            # The tick of this same step is still to come and must not shorten the embargo.
            embargo = self._config.embargo_epochs_after_prune + 1
            removed = slot.remove_seed(cooldown_epochs=embargo)
            self._bury(slot, removed, command.initiator, command.reason, epoch)
        else:
            slot.ramp_out(speed.epochs, curve)
            self._way_out[seed.seed_id] = (command.initiator, command.reason)

    def _place(self, slot: SeedSlot, module: SeedModule) -> None:
        """Take a module to the slot, which may have been moved since the model was made."""
        device, dtype = self._probes[slot.slot_id].locate(self._host)
        module.to(device=device, dtype=dtype).train(self._host.training)

    def _bury(
        self, slot: SeedSlot, seed: Seed, initiator: Initiator, reason: str, epoch: int
    ) -> None:
        del self._seeds[slot.slot_id]
        self._recorder.pruned(epoch, slot, seed, initiator=initiator, reason=reason)


def _seed_of(slot: SeedSlot) -> Seed:
    if slot.seed is None:
        message = f"slot {slot.slot_id} must hold a seed, got stage {slot.stage}"
        raise InvariantError(message)
    return slot.seed


def _given(command: AdaptationCommand, value: _T | None, kind: type[_T]) -> _T:
    if value is None:
        message = f"{command.op.name} must carry a {kind.__name__}, got none"
        raise InvariantError(message)
    return value


def _needs_gate(seed: Seed) -> bool:
    return any(style.algorithm == AlphaAlgorithm.GATE for style in seed.schedule.styles)
