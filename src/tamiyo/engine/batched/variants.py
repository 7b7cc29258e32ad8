"""VariantTable: which variants of which networks a pass has to tell apart by now."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tamiyo.model import Overrides, Weights

__all__ = ["VariantTable"]


class VariantTable:
    """The networks of a pass over variants.

    Variants of one environment are one network until they meet a slot in which they differ.

    Args:
        variants: For each environment its variants, each slot id to weights to use instead of the
            slot's own.
        is_shared: Whether they may be one network at first; else each is one from the start.

    Attributes:
        environments: Environment of each network, in the order of the environments.
    """

    def __init__(self, variants: Sequence[Sequence[Overrides]], *, is_shared: bool) -> None:
        self._overrides = [own for several in variants for own in several]
        owners = [e for e, several in enumerate(variants) for _ in several]
        groups: dict[int, list[int]] = {}
        for index, environment in enumerate(owners):
            groups.setdefault(environment if is_shared else index, []).append(index)
        self._members = list(groups.values())
        self.environments = [owners[members[0]] for members in self._members]

    def branch(
        self, slot_id: str, weights_of: Callable[[int, str], Weights]
    ) -> tuple[list[int] | None, list[Weights]]:
        """Tell apart what a slot treats differently.

        Args:
            slot_id: The slot.
            weights_of: A slot's own weights in an environment.

        Returns:
            For each network the one it comes from, ``None`` if nothing branched, and its weights.
        """
        parents: list[int] = []
        weights: list[Weights] = []
        members: list[list[int]] = []
        environments: list[int] = []
        for index, environment in enumerate(self.environments):
            groups: dict[Weights, list[int]] = {}
            for variant in self._members[index]:
                own = self._overrides[variant].get(slot_id)
                chosen = weights_of(environment, slot_id) if own is None else own
                groups.setdefault(chosen, []).append(variant)
            parents += [index] * len(groups)
            weights += groups
            members += groups.values()
            environments += [environment] * len(groups)
        has_branched = len(members) > len(self._members)
        self._members, self.environments = members, environments
        return parents if has_branched else None, weights

    def places(self) -> list[int]:
        """Return for each variant, in the order given, the network that it is part of."""
        found = {variant: place for place, own in enumerate(self._members) for variant in own}
        return [found[variant] for variant in range(len(self._overrides))]
