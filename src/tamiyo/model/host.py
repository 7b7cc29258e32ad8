"""TamiyoModel: a host with slots, and the one way its structure changes."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NoReturn

import torch
from torch import nn

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
from tamiyo.model.attaching import SlotProbes, probe_slots
from tamiyo.model.commands import CommandOutcome, Growth
from tamiyo.model.execution import build_execution
from tamiyo.model.records import LifecycleRecorder
from tamiyo.model.slot import SeedSlot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tamiyo.model.alpha import Weights
    from tamiyo.model.seed import SeedMeasurement

__all__ = ["HOST_OWNER", "TamiyoModel", "attach", "count_trainable"]

HOST_OWNER: Final = "host"
"""Owner of the host's parameters and of every fossil's."""


def attach(
    host: nn.Module,
    slots: Mapping[str, str] | Sequence[str] | SlotProbes,
    example: object,
    *,
    generator: torch.Generator | None = None,
    config: LifecycleConfig | None = None,
    max_parameters: int | None = None,
    sink: EventSink | None = None,
    environment: int = 0,
) -> TamiyoModel:
    """Put slots into a host without changing its code, its parameters or its outputs.

    The host is examined by trial passes on copies that share its parameters, in the mixed precision
    that is on at the time; the user's own hooks run in them. It may draw random numbers of PyTorch
    in evaluation mode: all trial passes draw the same ones.

    Args:
        host: Any module; it stays as it is and keeps its parameters, names and mode.
        slots: Slot id (``r0c0`` ...) to the path of the module whose output the slot is; or paths
            alone, which get the ids ``r0c0``, ``r0c1`` and so on in their order; or the ``probes``
            of a model on a host of the same structure, which spares the trial passes.
        example: A batch for the host: a tuple or list for positional arguments, a mapping for
            keyword arguments, anything else is the single argument. Two samples or more show where
            the batch axis is, token ids that differ whether positions see later ones.
        generator: Owned generator that new seeds draw their initial weights from; by default a new
            one with seed 0.
        config: Thresholds and clocks of a seed's life.
        max_parameters: Budget for all trainable parameters; ``None`` for no budget.
        sink: Where lifecycle events go.
        environment: Index of the environment, for events and reports.

    Raises:
        ConfigError: If the host is a model already, no module at all, holds no numbers to train,
            or alone exceeds the budget. Of this kind are ``SlotIdError``, for a malformed slot id
            or a path that names no module, and ``ShapeError``, for a host or a slot that cannot be
            grown, or probes of another host; the message says why and what can be done.
    """
    if isinstance(host, TamiyoModel):
        message = "host must be a network without slots, got a TamiyoModel: detach it first"
        raise ConfigError(message)
    if isinstance(slots, SlotProbes):
        probes = slots
        probes.check(host, example)
    else:
        probes = probe_slots(host, slots, example)
    host_parameters = count_trainable(host)
    if max_parameters is not None and host_parameters > max_parameters:
        message = (
            f"max_parameters must be at least the host's {host_parameters}, got {max_parameters}"
        )
        raise ConfigError(message)
    return TamiyoModel(
        host,
        probes,
        config=config or LifecycleConfig(),
        generator=generator or torch.Generator().manual_seed(0),
        max_parameters=max_parameters,
        sink=sink or NullSink(),
        environment=environment,
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
        probes: What was found about the slots before anything grew.
        host_parameters: Trainable parameters of the host before anything grew.
        epoch: The epoch the next command acts in, counted from 1.
    """

    def __init__(
        self,
        host: nn.Module,
        probes: SlotProbes,
        *,
        config: LifecycleConfig,
        generator: torch.Generator,
        max_parameters: int | None,
        sink: EventSink,
        environment: int,
    ) -> None:
        super().__init__()
        self.host = host
        self.seeds = nn.ModuleDict()
        self.probes = probes
        self.host_parameters = count_trainable(host)
        self.epoch = 1
        self._config = config
        self._max_parameters = max_parameters
        self._sink = sink
        self._recorder = LifecycleRecorder(sink, environment)
        found = probes.found
        self.slots = {
            slot_id: SeedSlot(
                slot_id=slot_id,
                path=found[slot_id].path,
                shape=found[slot_id].shape,
                config=config,
                record=self._record_stage,
            )
            for slot_id in sort_slot_ids(found)
        }
        self.execution = build_execution(host, self.slots, tuple(found))
        self._growth = Growth(
            host,
            self.slots,
            self.seeds,
            probes=found,
            config=config,
            generator=generator,
            recorder=self._recorder,
        )

    def forward(self, *args: object, **kwargs: object) -> object:
        """Run the host with every seed that has influence, on whatever the host takes."""
        return self.execution.call(args, kwargs)

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

    def ramp_out_uncommitted(
        self,
        steps: int,
        *,
        initiator: Initiator = Initiator.CLOSING,
        reason: str = "not committed by the last decision",
    ) -> None:
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

    def __deepcopy__(self, memo: dict[int, object]) -> TamiyoModel:
        """Copy the model: the copy grows by itself, but tells the same sink of it.

        A sink is where events go, such as an open file, and no part of the model.
        """
        memo[id(self._sink)] = self._sink
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        vars(twin).update(copy.deepcopy(vars(self), memo))
        return twin

    def _replicate_for_data_parallel(self) -> NoReturn:
        """Refuse to be run by nn.DataParallel.

        Raises:
            ConfigError: Always.
        """
        message = (
            "a TamiyoModel must not be wrapped in nn.DataParallel, got a request for a replica: "
            "its slots would go on running the first device's host; run one process per device"
        )
        raise ConfigError(message)

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
