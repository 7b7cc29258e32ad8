"""What a learner is told about a problem: the heads of an action and the layout of an observation.

Nothing here has words of growth: a learner that reads these two records works on any problem whose
action is factored into heads, growth among them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from math import prod
from typing import TYPE_CHECKING, Self

from tamiyo.contracts.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ActionSpec", "HeadSpec", "ObservationSpec", "SlotBlock"]


@dataclass(frozen=True, kw_only=True)
class HeadSpec:
    """One head of a factored action.

    Attributes:
        name: Name of the head.
        choices: Name of each choice, index by index.
        parents: Heads whose choice the legal choices of this one depend on.
        neutral: Index taken when the chosen op does not use the head.
    """

    name: str
    choices: tuple[str, ...]
    parents: tuple[str, ...]
    neutral: int

    def __post_init__(self) -> None:
        """Refuse a neutral choice outside the head.

        Raises:
            ConfigError: If ``neutral`` is no index of ``choices``.
        """
        if not 0 <= self.neutral < len(self.choices):
            message = (
                f"neutral of {self.name} must be in [0, {len(self.choices)}), got {self.neutral}"
            )
            raise ConfigError(message)

    @property
    def size(self) -> int:
        """Number of choices."""
        return len(self.choices)


@dataclass(frozen=True, kw_only=True)
class ActionSpec:
    """A factored action for a learner that knows no growth: heads and when each is used.

    Attributes:
        heads: The heads in sampling order; the first one is the op.
        used_when: For each choice of the first head, the names of the heads it uses.
    """

    heads: tuple[HeadSpec, ...]
    used_when: tuple[frozenset[str], ...]

    def __post_init__(self) -> None:
        """Refuse a table that does not fit the heads.

        Raises:
            ConfigError: If ``used_when`` has not one row per op, or a head comes before its parent.
        """
        if len(self.used_when) != self.heads[0].size:
            message = f"used_when must have {self.heads[0].size} rows, got {len(self.used_when)}"
            raise ConfigError(message)
        seen: set[str] = set()
        for head in self.heads:
            if not set(head.parents) <= seen:
                message = f"parents of {head.name} must come before it, got {head.parents}"
                raise ConfigError(message)
            seen.add(head.name)

    @cached_property
    def nvec(self) -> tuple[int, ...]:
        """Number of choices of each head, as in Gymnasium's MultiDiscrete."""
        return tuple(head.size for head in self.heads)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the heads in order."""
        return tuple(head.name for head in self.heads)

    def canonicalize(self, action: Sequence[int]) -> tuple[int, ...]:
        """Force every head the op does not use to its neutral choice.

        Args:
            action: One index per head.

        Returns:
            The action with unused heads neutral.

        Raises:
            ConfigError: If the length or an index does not fit the heads.
        """
        if len(action) != len(self.heads):
            message = f"action must have {len(self.heads)} indices, got {len(action)}"
            raise ConfigError(message)
        for head, index in zip(self.heads, action, strict=True):
            if not 0 <= index < head.size:
                message = f"{head.name} must be in [0, {head.size}), got {index}"
                raise ConfigError(message)
        used = self.used_when[action[0]]
        return tuple(
            index if head.name in used else head.neutral
            for head, index in zip(self.heads, action, strict=True)
        )

    @classmethod
    def independent(cls, sizes: Sequence[int]) -> Self:
        """Build the specification of heads that know nothing of each other and are always used.

        Args:
            sizes: Number of choices of each head, as in Gymnasium's MultiDiscrete.
        """
        heads = tuple(
            HeadSpec(
                name=f"head_{position}",
                choices=tuple(str(index) for index in range(size)),
                parents=(),
                neutral=0,
            )
            for position, size in enumerate(sizes)
        )
        names = frozenset(head.name for head in heads)
        return cls(heads=heads, used_when=(names,) * heads[0].size)

    @cached_property
    def mask_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each head's conditional mask: the sizes of its parents, then its own."""
        sizes = {head.name: head.size for head in self.heads}
        return tuple(
            (*(sizes[parent] for parent in head.parents), head.size) for head in self.heads
        )

    @cached_property
    def mask_slices(self) -> tuple[slice, ...]:
        """Where each head's conditional mask, flattened in C order, lies in the flat one."""
        ends = tuple(accumulate(prod(shape) for shape in self.mask_shapes))
        return tuple(slice(start, end) for start, end in zip((0, *ends), ends, strict=False))

    @cached_property
    def mask_size(self) -> int:
        """Flags of the flat conditional mask: every head under every choice of its parents."""
        return sum(prod(shape) for shape in self.mask_shapes)

    @cached_property
    def parent_positions(self) -> tuple[tuple[int, ...], ...]:
        """Positions of each head's parents among the heads."""
        return tuple(
            tuple(self.names.index(parent) for parent in head.parents) for head in self.heads
        )


@dataclass(frozen=True, kw_only=True)
class SlotBlock:
    """Features of the slots that lie one slot after the other.

    Attributes:
        offset: Index of the first slot's first feature.
        size: Features per slot.
    """

    offset: int
    size: int


@dataclass(frozen=True, kw_only=True)
class ObservationSpec:
    """Where in a flat observation which features lie.

    What lies in no block belongs to the environment as a whole.

    Attributes:
        size: Number of features.
        slots: Number of slots; 0 if the observation has none.
        slot_blocks: Blocks of features that repeat for every slot.
        slot_head: Name of the head whose choices are the slots; ``None`` if there is none.
        version: Names the layout; a checkpoint of another version is refused.
    """

    size: int
    slots: int = 0
    slot_blocks: tuple[SlotBlock, ...] = ()
    slot_head: str | None = None
    version: str = "flat"

    def __post_init__(self) -> None:
        """Refuse blocks that overlap or do not fit.

        Raises:
            ConfigError: If there is no feature, or a block reaches into another one or beyond the
                end.
        """
        if self.size < 1:
            message = f"size must be at least 1, got {self.size}"
            raise ConfigError(message)
        # Counted before they are listed: a damaged file may tell of billions.
        per_slot = sum(max(block.size, 0) for block in self.slot_blocks)
        is_crowded = self.slots * max(1, per_slot) > self.size
        taken = [] if is_crowded else [index for slot in self.slot_indices for index in slot]
        is_shared = len(set(taken)) < len(taken)
        if is_crowded or is_shared or any(not 0 <= index < self.size for index in taken):
            message = (
                f"slot_blocks must be apart and within the {self.size} features for {self.slots} "
                f"slots, got {self.slot_blocks}"
            )
            raise ConfigError(message)

    @cached_property
    def slot_indices(self) -> tuple[tuple[int, ...], ...]:
        """Indices of each slot's features, block by block; one tuple per slot, equally long."""
        return tuple(
            tuple(
                block.offset + slot * block.size + index
                for block in self.slot_blocks
                for index in range(block.size)
            )
            for slot in range(self.slots)
        )

    @cached_property
    def base_indices(self) -> tuple[int, ...]:
        """Indices of the features that belong to no slot."""
        taken = {index for slot in self.slot_indices for index in slot}
        return tuple(index for index in range(self.size) if index not in taken)
