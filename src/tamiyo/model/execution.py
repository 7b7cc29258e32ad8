"""How a host with slots is run: whole, from a slot onward, and in many variants at once.

A host that is an ``nn.Sequential`` whose children carry the slots is cut into segments, so that a
shadow pass starts at its slot and variants share everything before the first slot in which they
differ. Any other host runs whole passes with taps on the slots that need one: the same numbers,
more work. Where no seed has influence the host is called as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, cast

import torch
from torch import Tensor, nn

from tamiyo.contracts import InvariantError, ShapeError
from tamiyo.model.alpha import Weights
from tamiyo.model.attaching import unpack
from tamiyo.model.blueprints import name_algorithm
from tamiyo.model.modules import Topology, compose
from tamiyo.model.tap import Site, map_names, tapping

if TYPE_CHECKING:
    from tamiyo.model.slot import SeedSlot

__all__ = ["Execution", "Overrides", "build_execution", "has_hooks"]

_LOGGER = logging.getLogger(__name__)

Overrides = Mapping[str, Weights]
"""Slot id to the weights to use instead of the slot's own; an empty tuple switches its seed off."""


class Execution(Protocol):
    """Runs a host with the seeds of its slots; ``inputs`` are packed as for ``call_host``."""

    order: tuple[str, ...]
    """Slot ids in the order the forward pass meets them."""

    @property
    def shares_prefix(self) -> bool:
        """Whether shadow passes and variants skip what they have in common."""

    def run(self, inputs: object, capture: str | None = None) -> tuple[object, Tensor | None]:
        """Run the network as it is.

        Args:
            inputs: A batch for the host.
            capture: Slot whose features, before its seed, are wanted as well.

        Returns:
            ``(outputs, features)``; ``features`` is ``None`` unless a capture was asked for.

        Raises:
            ShapeError: If the features of a slot whose seed has influence are not like those of
                the example, or its module runs twice.
        """

    def resume(
        self, inputs: object, slot_id: str, features: Tensor, overrides: Overrides
    ) -> object:
        """Run from a slot onward.

        Args:
            inputs: The batch the features came from.
            slot_id: Slot at which to start.
            features: The slot's features, before its seed.
            overrides: Weights to use instead of the slots' own.
        """

    def run_variants(self, inputs: object, variants: Sequence[Overrides]) -> list[object]:
        """Run the network once per variant; returns the outputs in the variants' order."""

    def call(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        """Run the network as it is on what the host would be called with."""

    def take_pass(self) -> bool:
        """Say whether anything ran with gradients switched on since this was last asked."""


def build_execution(
    host: nn.Module, slots: Mapping[str, SeedSlot], order: Sequence[str]
) -> Execution:
    """Choose how to run a host: in segments where it can be cut, else in whole passes.

    Args:
        host: The host.
        slots: Its slots by id.
        order: Slot ids in the order a probe batch met them.
    """
    whole = _WholePassExecution(host, slots, order)
    if _is_plain(host) and {slot.path for slot in slots.values()} <= set(_list_names(host)):
        return _SegmentedExecution(cast("nn.Sequential", host), slots, whole)
    _LOGGER.info(
        "%s is no nn.Sequential whose children carry the slots: shadow passes and counterfactuals "
        "run it whole, with the same numbers but more work",
        type(host).__name__,
    )
    return whole


class _WholePassExecution:
    """Runs any host with a tap on each slot that needs one, for the length of the pass only."""

    shares_prefix = False

    def __init__(
        self, host: nn.Module, slots: Mapping[str, SeedSlot], order: Sequence[str]
    ) -> None:
        self._host = host
        self._slots = slots
        names = map_names(host)
        self._sites = {slot_id: Site(host, names[slot.path]) for slot_id, slot in slots.items()}
        self.order = tuple(order)
        self._has_run = False

    def run(self, inputs: object, capture: str | None = None) -> tuple[object, Tensor | None]:
        visits = self._visit({}, capture=capture)
        outputs = self._pass(*unpack(inputs), visits)
        return outputs, None if capture is None else visits[capture].captured

    def resume(
        self, inputs: object, slot_id: str, features: Tensor, overrides: Overrides
    ) -> object:
        return self._pass(*unpack(inputs), self._visit(overrides, replace=(slot_id, features)))

    def run_variants(self, inputs: object, variants: Sequence[Overrides]) -> list[object]:
        args, kwargs = unpack(inputs)
        return [self._pass(args, kwargs, self._visit(overrides)) for overrides in variants]

    def call(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        return self._pass(args, kwargs, self._visit({}))

    def take_pass(self) -> bool:
        has_run, self._has_run = self._has_run, False
        return has_run

    def note_pass(self) -> None:
        """Remember a pass that may be learned from."""
        # A flag, not a counter: a compiled model would be compiled anew for every count.
        if torch.is_grad_enabled():
            self._has_run = True

    def _visit(
        self,
        overrides: Overrides,
        *,
        capture: str | None = None,
        replace: tuple[str, Tensor] | None = None,
    ) -> dict[str, _Visit]:
        visits = {}
        for slot_id, slot in self._slots.items():
            weights = overrides.get(slot_id, slot.weights)
            given = replace[1] if replace is not None and replace[0] == slot_id else None
            if weights or slot_id == capture or given is not None:
                visits[slot_id] = _Visit(slot, weights, captures=slot_id == capture, given=given)
        return visits

    def _pass(
        self,
        args: tuple[object, ...],
        kwargs: Mapping[str, object],
        visits: Mapping[str, _Visit],
    ) -> object:
        self.note_pass()
        if not visits:
            return self._host(*args, **kwargs)
        with tapping((self._sites[slot_id], visit) for slot_id, visit in visits.items()):
            return self._host(*args, **kwargs)


class _Visit:
    """What one pass does where it meets a slot.

    Args:
        slot: The slot.
        weights: Styles and alphas in effect there.
        captures: Whether to keep the features.
        given: Features to go on with instead of the host's.
    """

    def __init__(
        self, slot: SeedSlot, weights: Weights, *, captures: bool, given: Tensor | None
    ) -> None:
        self.captured: Tensor | None = None
        self._slot = slot
        self._weights = weights
        self._captures = captures
        self._given = given
        self._has_run = False

    def __call__(self, features: object) -> object:
        if self._has_run:
            message = (
                f"module of slot {self._slot.slot_id} must run once per pass, got a second run"
            )
            raise ShapeError(message)
        self._has_run = True
        if self._given is not None:
            features = self._given.clone()
        if self._captures:
            self.captured = _check_features(features, self._slot).clone()
        return _blend(features, self._slot, self._weights)


class _SegmentedExecution:
    """Runs an ``nn.Sequential`` child by child where that saves work, else in whole passes.

    Features it is given are cloned first: the child that follows may work in place on them.
    """

    def __init__(
        self, host: nn.Sequential, slots: Mapping[str, SeedSlot], whole: _WholePassExecution
    ) -> None:
        by_path = {slot.path: slot for slot in slots.values()}
        steps = [(index, by_path.get(name)) for index, name in enumerate(_list_names(host))]
        self._slots = {index: slot for index, slot in steps if slot is not None}
        self._host = host
        self._whole = whole
        self.order = whole.order

    @property
    def shares_prefix(self) -> bool:
        return _is_plain(self._host)

    def run(self, inputs: object, capture: str | None = None) -> tuple[object, Tensor | None]:
        return self._whole.run(inputs, capture)

    def call(self, args: tuple[object, ...], kwargs: Mapping[str, object]) -> object:
        return self._whole.call(args, kwargs)

    def take_pass(self) -> bool:
        return self._whole.take_pass()

    def resume(
        self, inputs: object, slot_id: str, features: Tensor, overrides: Overrides
    ) -> object:
        if not self.shares_prefix:
            return self._whole.resume(inputs, slot_id, features, overrides)
        self._whole.note_pass()
        first = next(index for index, slot in self._slots.items() if slot.slot_id == slot_id)
        current: object = features.clone()
        for index, child in enumerate(self._host):
            if index > first:
                current = child(current)
            if index >= first and index in self._slots:
                slot = self._slots[index]
                current = _blend(current, slot, overrides.get(slot.slot_id, slot.weights))
        return current

    def run_variants(self, inputs: object, variants: Sequence[Overrides]) -> list[object]:
        args, kwargs = unpack(inputs)
        if kwargs or len(args) != 1 or not self.shares_prefix:
            return self._whole.run_variants(inputs, variants)
        self._whole.note_pass()
        outputs: dict[int, object] = {}
        self._branch(0, args[0], variants, list(range(len(variants))), outputs)
        return [outputs[index] for index in range(len(variants))]

    def _branch(
        self,
        step: int,
        features: object,
        variants: Sequence[Overrides],
        members: list[int],
        outputs: dict[int, object],
    ) -> None:
        """Run on from ``step``, splitting the members wherever a slot treats them differently."""
        if step == len(self._host):
            outputs.update(dict.fromkeys(members, features))
            return
        features = self._host[step](features)
        slot = self._slots.get(step)
        if slot is None:
            self._branch(step + 1, features, variants, members, outputs)
            return
        groups: dict[Weights, list[int]] = {}
        for member in members:
            weights = variants[member].get(slot.slot_id, slot.weights)
            groups.setdefault(weights, []).append(member)
        # Blending makes new features. Those without a seed are handed on as they are, and what
        # follows may work in place on them: they come last.
        for weights in sorted(groups, key=bool, reverse=True):
            blended = _blend(features, slot, weights)
            self._branch(step + 1, blended, variants, groups[weights], outputs)


def _is_plain(host: nn.Module) -> bool:
    """Say whether running a host child by child is all that calling it does."""
    own = vars(host)
    is_changed = "forward" in own or own.get("_compiled_call_impl") is not None
    return type(host) is nn.Sequential and not is_changed and not has_hooks(host)


def has_hooks(module: nn.Module) -> bool:
    """Say whether calling a module runs somebody's hooks, those of its parts left aside."""
    # They are to be had from the instance's own attributes only.
    own = vars(module)
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return any(own[name] for name in hooks)


def _list_names(host: nn.Module) -> list[str]:
    """List the names of the children, of one that stands in two places both."""
    named = host.named_modules(remove_duplicate=False)
    return [name for name, _ in named if name and "." not in name]


def _blend(features: object, slot: SeedSlot, weights: Weights) -> object:
    """Blend a slot's seed into its features, which must be like those of the example.

    Raises:
        InvariantError: If there is no seed to blend in.
    """
    if not weights:
        return features
    if slot.seed is None:
        message = f"slot {slot.slot_id} must hold a seed to blend one in, got {slot.stage}"
        raise InvariantError(message)
    by_algorithm = tuple((name_algorithm(style.algorithm), alpha) for style, alpha in weights)
    return compose(_check_features(features, slot), slot.seed.module, by_algorithm)


def _check_features(features: object, slot: SeedSlot) -> Tensor:
    shape = slot.shape
    if isinstance(features, Tensor) and not features.is_nested:
        axis = 1 if shape.topology == Topology.CNN else -1
        if features.dim() == 1 + len(shape.per_sample) and features.shape[axis] == shape.channels:
            return features
    is_plain = isinstance(features, Tensor) and not features.is_nested
    found = list(cast("Tensor", features).shape) if is_plain else type(features).__name__
    message = (
        f"features of slot {slot.slot_id} must have the axes and the {shape.channels} channels of "
        f"the example's, {list(shape.per_sample)} per sample, got {found}"
    )
    raise ShapeError(message)
