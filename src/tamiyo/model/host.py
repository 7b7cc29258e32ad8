"""TamiyoModel: a host with slots, and the one way its structure changes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from tamiyo.contracts import (
    AdaptationCommand,
    ConfigError,
    EventSink,
    HostReport,
    Initiator,
    LifecycleConfig,
    NullSink,
    SeedStage,
    TamiyoDecision,
    find_refusal,
    sort_slot_ids,
)
from tamiyo.model.commands import CommandOutcome, Growth
from tamiyo.model.execution import build_execution
from tamiyo.model.probing import probe_slots
from tamiyo.model.records import LifecycleRecorder
from tamiyo.model.slot import SeedSlot

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tamiyo.model.alpha import Weights
    from tamiyo.model.blueprints import SlotShape
    from tamiyo.model.seed import SeedMeasurement

__all__ = ["HOST_OWNER", "TamiyoModel", "attach", "count_trainable"]

HOST_OWNER: Final = "host"
"""Owner of the host's parameters and of every fossil's."""


def attach(
    host: nn.Module,
    slots: Mapping[str, str],
    example: Tensor,
    *,
    generator: torch.Generator,
    config: LifecycleConfig | None = None,
    max_parameters: int | None = None,
    sink: EventSink | None = None,
    environment: int = 0,
) -> TamiyoModel:
    """Put slots into a host without changing its code, its parameters or its outputs.

    Args:
        host: A module that maps one tensor to one tensor.
        slots: Slot id (``r0c0`` ...) to the path of the module whose output the slot is.
        example: A batch for the host, used once to find the shapes, in evaluation mode.
        generator: Owned generator that new seeds draw their initial weights from.
        config: Thresholds and clocks of a seed's life.
        max_parameters: Budget for all trainable parameters; ``None`` for no budget.
        sink: Where lifecycle events go.
        environment: Index of the environment, for events and reports.

    Raises:
        SlotIdError: If a slot id is malformed or a path names no module.
        ShapeError: If a slot's output is not of a shape seeds can work on, or not produced exactly
            once per forward pass.
        ConfigError: If the host alone exceeds the budget.
    """
    paths = {slot_id: slots[slot_id] for slot_id in sort_slot_ids(slots)}
    shapes = probe_slots(host, paths, example)
    host_parameters = count_trainable(host)
    if max_parameters is not None and host_parameters > max_parameters:
        message = (
            f"max_parameters must be at least the host's {host_parameters}, got {max_parameters}"
        )
        raise ConfigError(message)
    return TamiyoModel(
        host,
        paths,
        shapes,
        config=config or LifecycleConfig(),
        generator=generator,
        max_parameters=max_parameters,
        recorder=LifecycleRecorder(sink or NullSink(), environment),
    )


class TamiyoModel(nn.Module):
    """A host with slots; build it with :func:`attach`.

    Calling it runs the host with every seed that has influence. Its structure changes only through
    :meth:`apply_command`, :meth:`tick` and :meth:`ramp_out_uncommitted`; time passes in
    :meth:`finish_epoch`.

    Attributes:
        host: The host; run it through the model, not by itself.
        seeds: Slot id to the module of its living seed.
        slots: Slot id to the slot, in the order of the slot head.
        execution: How the network is run.
        host_parameters: Trainable parameters of the host before anything grew.
        epoch: The epoch the next command acts in, counted from 1.
    """

    def __init__(
        self,
        host: nn.Module,
        paths: Mapping[str, str],
        shapes: Mapping[str, SlotShape],
        *,
        config: LifecycleConfig,
        generator: torch.Generator,
        max_parameters: int | None,
        recorder: LifecycleRecorder,
    ) -> None:
        super().__init__()
        self.host = host
        self.seeds = nn.ModuleDict()
        self.host_parameters = count_trainable(host)
        self.epoch = 1
        self._config = config
        self._max_parameters = max_parameters
        self._recorder = recorder
        self.slots = {
            slot_id: SeedSlot(
                slot_id=slot_id,
                path=path,
                shape=shapes[slot_id],
                config=config,
                record=self._record_stage,
            )
            for slot_id, path in paths.items()
        }
        self.execution = build_execution(host, self.slots, tuple(shapes))
        self._growth = Growth(self.slots, self.seeds, config, generator, recorder)

    def forward(self, inputs: Tensor) -> Tensor:
        """Run the host with every seed that has influence."""
        return self.execution.run(inputs)[0]

    def apply_command(self, command: AdaptationCommand) -> CommandOutcome:
        """Carry out one command if it is legal; an illegal one changes nothing.

        Args:
            command: What to do. Its legality is judged by :func:`tamiyo.contracts.find_refusal`,
                the same rules that masks are made from.

        Raises:
            SlotIdError: If it names a slot the host does not have.
        """
        report = self.report()
        action = command.to_action(report.slot_ids)
        refusal = find_refusal(report, action)
        if refusal is not None:
            return CommandOutcome(executed=False, refusal=refusal)
        decision = TamiyoDecision.from_action(action, report.slot_ids, reason=command.reason)
        whole = replace(decision.to_command(), initiator=command.initiator)
        self._growth.execute(whole, self.epoch)
        self._record_gates()
        return CommandOutcome(executed=True, refusal=None)

    def tick(self) -> None:
        """Let one epoch pass over alphas and cooldowns; a ramp to 0 that ends removes its seed."""
        self._growth.tick(self.epoch)

    def ramp_out_uncommitted(self, steps: int, *, initiator: Initiator, reason: str) -> None:
        """Send every uncommitted seed on its way out, whatever it is doing.

        Args:
            steps: Epochs of the ramp; seeds without influence, and all if it is 0, go at once.
            initiator: Who wants them out.
            reason: Why, for the record.
        """
        self._growth.ramp_out_uncommitted(steps, initiator, reason, self.epoch)

    def finish_epoch(
        self, measured: Mapping[str, SeedMeasurement], *, control_accuracy: float
    ) -> None:
        """Hand an epoch's measurements to the seeds and begin the next epoch.

        Args:
            measured: Slot id to what was measured about its seed.
            control_accuracy: Control accuracy of the whole network, percent.
        """
        self._growth.control_accuracy = control_accuracy
        for slot in self.slots.values():
            slot.finish_epoch(measured.get(slot.slot_id), control_accuracy=control_accuracy)
        self._record_gates()
        self.epoch += 1

    def shadow_overrides(self) -> dict[str, Weights]:
        """Return slot id to the weights every incubating seed is meant to have."""
        return {
            slot.slot_id: slot.seed.shadow_weights
            for slot in self.slots.values()
            if slot.seed is not None and slot.seed.stage == SeedStage.TRAINING
        }

    def count_parameters(self, *, committed_only: bool = False) -> int:
        """Count trainable parameters: host and fossils, and other living seeds unless excluded."""
        owned = self.owned_parameters()
        owners = [HOST_OWNER] if committed_only else list(owned)
        return sum(parameter.numel() for owner in owners for parameter in owned[owner])

    def owned_parameters(self) -> dict[str, list[nn.Parameter]]:
        """Return every trainable parameter under its owner: a seed id, or the host, fossils too."""
        owners = {HOST_OWNER: [p for p in self.host.parameters() if p.requires_grad]}
        for slot in self.slots.values():
            if slot.seed is None:
                continue
            fossil = slot.seed.stage == SeedStage.FOSSILIZED
            owner = HOST_OWNER if fossil else slot.seed.seed_id
            owners.setdefault(owner, []).extend(slot.seed.module.parameters())
        return owners

    def report(self) -> HostReport:
        """Return host and slots as plain numbers."""
        return HostReport(
            environment=self._recorder.environment,
            epoch=self.epoch,
            host_parameters=self.host_parameters,
            parameters=self.count_parameters(),
            max_parameters=self._max_parameters,
            min_prune_age_epochs=self._config.min_prune_age_epochs,
            slots=tuple(slot.report() for slot in self.slots.values()),
        )

    def _record_stage(
        self,
        slot: SeedSlot,
        seed_id: str,
        before: SeedStage | None,
        after: SeedStage | None,
        spent: int,
    ) -> None:
        self._recorder.stage_changed(self.epoch, slot, seed_id, (before, after), spent)

    def _record_gates(self) -> None:
        for slot in self.slots.values():
            self._recorder.gate_evaluated(self.epoch, slot, self._config)


def count_trainable(module: nn.Module) -> int:
    """Count the trainable parameters of a module, tied ones once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
