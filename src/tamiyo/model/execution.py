"""How a host with slots is run: whole, from a slot onward, and in many variants at once.

A host that is an ``nn.Sequential`` whose children carry the slots is cut into segments, so that a
shadow pass starts at its slot and variants share everything before the first slot in which they
differ. Any other host runs whole passes with the slot's output replaced: the same numbers, more
work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from torch import Tensor, nn

from tamiyo.contracts import InvariantError
from tamiyo.model.alpha import Weights
from tamiyo.model.blueprints import compose

if TYPE_CHECKING:
    from tamiyo.model.slot import SeedSlot

__all__ = ["Execution", "Overrides", "build_execution"]

_LOGGER = logging.getLogger(__name__)

Overrides = Mapping[str, Weights]
"""Slot id to the weights to use instead of the slot's own; an empty tuple switches its seed off."""


class Execution(Protocol):
    """Runs a host with the seeds of its slots."""

    order: tuple[str, ...]
    """Slot ids in the order the forward pass meets them."""

    shares_prefix: bool
    """Whether shadow passes and variants skip what they have in common."""

    def run(self, inputs: Tensor, capture: str | None = None) -> tuple[Tensor, Tensor | None]:
        """Run the network as it is.

        Args:
            inputs: A batch for the host.
            capture: Slot whose features, before its seed, are wanted as well.

        Returns:
            ``(outputs, features)``; ``features`` is ``None`` unless a capture was asked for.
        """

    def resume(
        self, inputs: Tensor, slot_id: str, features: Tensor, overrides: Overrides
    ) -> Tensor:
        """Run from a slot onward.

        Args:
            inputs: The batch the features came from.
            slot_id: Slot at which to start.
            features: The slot's features, before its seed.
            overrides: Weights to use instead of the slots' own.
        """

    def run_variants(self, inputs: Tensor, variants: Sequence[Overrides]) -> list[Tensor]:
        """Run the network once per variant; returns the outputs in the variants' order."""


def build_execution(
    host: nn.Module, slots: Mapping[str, SeedSlot], order: Sequence[str]
) -> Execution:
    """Choose how to run a host: in segments where it can be cut, else in whole passes.

    Args:
        host: The host.
        slots: Its slots by id.
        order: Slot ids in the order a probe batch met them.
    """
    children = dict(host.named_children())
    paths = {slot.path for slot in slots.values()}
    # Running child by child would pass over hooks on the host itself.
    is_hooked = host._forward_hooks or host._forward_pre_hooks  # noqa: SLF001  # not to be had otherwise
    if type(host) is nn.Sequential and paths <= set(children) and not is_hooked:
        return _SegmentedExecution(host, slots)
    _LOGGER.info(
        "%s is no nn.Sequential whose children carry the slots: shadow passes and counterfactuals "
        "run it whole, with the same numbers but more work",
        type(host).__name__,
    )
    return _WholePassExecution(host, slots, order)


class _SegmentedExecution:
    """Runs an ``nn.Sequential`` child by child.

    Features that are used twice are cloned first: the child that follows may work in place.
    """

    shares_prefix = True

    def __init__(self, host: nn.Sequential, slots: Mapping[str, SeedSlot]) -> None:
        by_path = {slot.path: slot for slot in slots.values()}
        self._steps = [(child, by_path.get(name)) for name, child in _named_steps(host)]
        self._position = {
            slot.slot_id: index for index, (_, slot) in enumerate(self._steps) if slot is not None
        }
        self.order = tuple(self._position)

    def run(self, inputs: Tensor, capture: str | None = None) -> tuple[Tensor, Tensor | None]:
        features, captured = inputs, None
        for child, slot in self._steps:
            features = child(features)
            if slot is not None:
                if slot.slot_id == capture:
                    captured = features.clone()
                features = _blend(features, slot, slot.weights)
        return features, captured

    def resume(
        self, inputs: Tensor, slot_id: str, features: Tensor, overrides: Overrides
    ) -> Tensor:
        del inputs  # the features are all that is needed
        features, position = features.clone(), self._position[slot_id]
        for index in range(position, len(self._steps)):
            child, slot = self._steps[index]
            if index > position:
                features = child(features)
            if slot is not None:
                features = _blend(features, slot, overrides.get(slot.slot_id, slot.weights))
        return features

    def run_variants(self, inputs: Tensor, variants: Sequence[Overrides]) -> list[Tensor]:
        outputs: dict[int, Tensor] = {}
        self._branch(0, inputs, variants, list(range(len(variants))), outputs)
        return [outputs[index] for index in range(len(variants))]

    def _branch(
        self,
        step: int,
        features: Tensor,
        variants: Sequence[Overrides],
        members: list[int],
        outputs: dict[int, Tensor],
    ) -> None:
        """Run on from ``step``, splitting the members wherever a slot treats them differently."""
        if step == len(self._steps):
            outputs.update(dict.fromkeys(members, features))
            return
        child, slot = self._steps[step]
        features = child(features)
        if slot is None:
            self._branch(step + 1, features, variants, members, outputs)
            return
        groups: dict[Weights, list[int]] = {}
        for member in members:
            weights = variants[member].get(slot.slot_id, slot.weights)
            groups.setdefault(weights, []).append(member)
        for weights, group in groups.items():
            own = features.clone() if len(groups) > 1 else features
            self._branch(step + 1, _blend(own, slot, weights), variants, group, outputs)


class _WholePassExecution:
    """Runs any host with a forward hook on each slot's module, for the length of the pass only."""

    shares_prefix = False

    def __init__(
        self, host: nn.Module, slots: Mapping[str, SeedSlot], order: Sequence[str]
    ) -> None:
        self._host = host
        self._slots = slots
        self.order = tuple(order)
        self._overrides: Overrides = {}
        self._replace: tuple[str, Tensor] | None = None
        self._capture: str | None = None
        self._captured: Tensor | None = None

    def run(self, inputs: Tensor, capture: str | None = None) -> tuple[Tensor, Tensor | None]:
        with self._using({}, capture=capture):
            outputs: Tensor = self._host(inputs)
            return outputs, self._captured

    def resume(
        self, inputs: Tensor, slot_id: str, features: Tensor, overrides: Overrides
    ) -> Tensor:
        with self._using(overrides, replace=(slot_id, features)):
            outputs: Tensor = self._host(inputs)
            return outputs

    def run_variants(self, inputs: Tensor, variants: Sequence[Overrides]) -> list[Tensor]:
        outputs = []
        for overrides in variants:
            with self._using(overrides):
                outputs.append(self._host(inputs))
        return outputs

    def _hook(self, slot: SeedSlot) -> Callable[[nn.Module, object, Tensor], Tensor | None]:
        def blend_in(_module: nn.Module, _inputs: object, features: Tensor) -> Tensor | None:
            if self._replace is not None and self._replace[0] == slot.slot_id:
                features = self._replace[1].clone()
            if self._capture == slot.slot_id:
                self._captured = features.clone()
            return _blend(features, slot, self._overrides.get(slot.slot_id, slot.weights))

        return blend_in

    @contextmanager
    def _using(
        self,
        overrides: Overrides,
        *,
        capture: str | None = None,
        replace: tuple[str, Tensor] | None = None,
    ) -> Iterator[None]:
        self._overrides, self._capture, self._replace = overrides, capture, replace
        handles = [
            self._host.get_submodule(slot.path).register_forward_hook(self._hook(slot))
            for slot in self._slots.values()
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._overrides, self._capture, self._replace, self._captured = {}, None, None, None


def _named_steps(host: nn.Sequential) -> Iterator[tuple[str, nn.Module]]:
    """Yield the children with their names, a module that stands in two places twice."""
    for name, module in host.named_modules(remove_duplicate=False):
        if name and "." not in name:
            yield name, module


def _blend(features: Tensor, slot: SeedSlot, weights: Weights) -> Tensor:
    if not weights:
        return features
    if slot.seed is None:
        message = f"slot {slot.slot_id} must hold a seed to blend one in, got {slot.stage}"
        raise InvariantError(message)
    by_algorithm = tuple((style.algorithm, alpha) for style, alpha in weights)
    return compose(features, slot.seed.module, by_algorithm)
