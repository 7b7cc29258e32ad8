"""Blend the seeds of one slot into the features of many environments at once.

What :func:`tamiyo.model.modules.compose` does for one: y = h + sum of alpha * delta(h). Seeds
of one blueprint run together; environments without influence there are not touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from tamiyo.contracts import AlphaAlgorithm
from tamiyo.engine.batched.bank import Chosen
from tamiyo.engine.batched.layers import Features, Maps, as_maps, as_samples, join, split
from tamiyo.engine.batched.layers.pointwise import guard
from tamiyo.engine.batched.seeds import SeedGroup

if TYPE_CHECKING:
    from tamiyo.engine.batched.seeds import SlotSeeds
    from tamiyo.model import Weights

__all__ = ["Blend", "plan_blend"]


@dataclass(frozen=True, kw_only=True)
class _Part:
    """Networks of a pass whose seeds run together.

    Attributes:
        group: Their seeds.
        chosen: The rows of these.
        count: How many they are.
    """

    group: SeedGroup
    chosen: Chosen
    count: int


@dataclass(frozen=True, kw_only=True)
class _Share:
    """How much one algorithm adds.

    Attributes:
        places: Networks it is in effect in, places among those with a seed; ``None`` for all.
        alphas: Their alphas, shape [count].
    """

    places: Tensor | None
    alphas: Tensor


@dataclass(frozen=True, kw_only=True)
class Blend:
    """What a pass does at one slot.

    Attributes:
        networks: Networks of the pass, R.
        places: Those with a seed in effect, in the order of the parts; ``None`` for all in order.
        parts: Groups of them.
        shares: What each algorithm in effect adds.
        gates: The gates of those that GATE is in effect in, in the order of its share.
    """

    networks: int
    places: Tensor | None
    parts: tuple[_Part, ...]
    shares: Mapping[AlphaAlgorithm, _Share]
    gates: tuple[_Part, ...]

    def apply(self, features: Features) -> Features:
        """Blend the seeds into features of all networks."""
        if not self.parts:
            return features
        whole = split(features, self.networks)
        # A node of its own either way: gradients are then summed in one order, to the same bits.
        own = whole.view_as(whole) if self.places is None else whole.index_select(0, self.places)
        residual = self._run(own, features)
        blended = whole
        for algorithm, share in self.shares.items():
            delta = self._delta(algorithm, own, residual, share, features)
            places = self._places_of(share)
            blended = blended + delta if places is None else blended.index_add(0, places, delta)
        return join(blended, features)

    def _run(self, own: Tensor, like: Features) -> Tensor:
        """Return the residuals, scale * f(h)."""
        bodies, scales = [], []
        for part, features in _split_parts(own, self.parts):
            with part.group.bank.choosing(part.chosen):
                bodies.append(_run_group(part, features, like))
                scales.append(part.group.bank.read("scale"))
        return _concatenate(bodies) * _shape_scale(_concatenate(scales), like)

    def _delta(
        self,
        algorithm: AlphaAlgorithm,
        own: Tensor,
        residual: Tensor,
        share: _Share,
        like: Features,
    ) -> Tensor:
        features, residual = (
            one if share.places is None else one.index_select(0, share.places)
            for one in (own, residual)
        )
        if algorithm == AlphaAlgorithm.MULTIPLY:
            residual = features * guard(torch.tanh, residual)
        elif algorithm == AlphaAlgorithm.GATE:
            residual = self._open_gates(features, like) * residual
        return residual * share.alphas.view(-1, *[1] * (residual.dim() - 1))

    def _open_gates(self, features: Tensor, like: Features) -> Tensor:
        opened = []
        for part, own in _split_parts(features, self.gates):
            with part.group.bank.choosing(part.chosen):
                opened.append(_run_group(part, own, like))
        return _concatenate(opened)

    def _places_of(self, share: _Share) -> Tensor | None:
        """Places of a share's networks among all networks of the pass."""
        if share.places is None:
            return self.places
        return share.places if self.places is None else self.places.index_select(0, share.places)


def plan_blend(
    seeds: SlotSeeds,
    environments: Sequence[int],
    weights: Sequence[Weights],
    *,
    learning: frozenset[int] | None = None,
) -> Blend:
    """Plan what a pass does at a slot.

    Args:
        seeds: The slot's seeds.
        environments: Environment of each network of the pass.
        weights: What is in effect in each of them.
        learning: Environments whose seed gets gradients; ``None`` for all.
    """
    seeded = [place for place, own in enumerate(weights) if own]
    parts, order = [], []
    for group in seeds.bodies.values():
        for part, places in _plan_parts(group, environments, seeded, learning):
            parts.append(part)
            order += places
    shares, gates = {}, []
    for algorithm in AlphaAlgorithm:
        alphas = {
            index: sum(alpha for style, alpha in weights[place] if style.algorithm == algorithm)
            for index, place in enumerate(order)
            if any(style.algorithm == algorithm for style, _ in weights[place])
        }
        if algorithm == AlphaAlgorithm.GATE and alphas and seeds.gates is not None:
            own = [environments[place] for place in order]
            by_gate = []
            for part, indices in _plan_parts(seeds.gates, own, list(alphas), learning):
                gates.append(part)
                by_gate += indices
            alphas = {index: alphas[index] for index in by_gate}
        if alphas:
            shares[algorithm] = _Share(
                places=_all_or(list(alphas), len(order), seeds.device),
                alphas=torch.tensor(list(alphas.values()), device=seeds.device),
            )
    return Blend(
        networks=len(environments),
        places=_all_or(order, len(environments), seeds.device),
        parts=tuple(parts),
        shares=shares,
        gates=tuple(gates),
    )


def _plan_parts(
    group: SeedGroup,
    environments: Sequence[int],
    places: Sequence[int],
    learning: frozenset[int] | None,
) -> Iterator[tuple[_Part, list[int]]]:
    """Yield those of a group that learn and those that do not, with their places."""
    rows = {environment: row for row, environment in enumerate(group.bank.keys)}
    for learns in (True, False):
        own = [
            place
            for place in places
            if environments[place] in rows
            and (learning is None or environments[place] in learning) == learns
        ]
        if own:
            own.sort(key=lambda place: (rows[environments[place]], place))
            chosen = Chosen(
                rows=_all_or(
                    [rows[environments[place]] for place in own], len(rows), group.bank.device
                ),
                is_fixed=not learns,
            )
            yield _Part(group=group, chosen=chosen, count=len(own)), own


def _all_or(places: Sequence[int], count: int, device: torch.device) -> Tensor | None:
    """Return the places as an index; ``None`` if they are all in order."""
    if list(places) == list(range(count)):
        return None
    return torch.tensor(places, dtype=torch.int64, device=device)


def _split_parts(features: Tensor, parts: Sequence[_Part]) -> Iterator[tuple[_Part, Tensor]]:
    return zip(parts, features.split([part.count for part in parts]), strict=True)


def _concatenate(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def _run_group(part: _Part, features: Tensor, like: Features) -> Tensor:
    """Run what a part shares on features [n, ...] of a layout; the same layout comes out."""
    outputs = part.group.network(join(features, like))
    if isinstance(like, Maps):
        return as_maps(outputs, part.count)
    return split(as_samples(outputs), part.count)


def _shape_scale(scale: Tensor, like: Features) -> Tensor:
    """Give scales, [n, C, 1, 1] or [n, D], the shape that meets features of a layout."""
    if isinstance(like, Maps):
        return scale.unsqueeze(4)
    own = scale.shape[1:]
    return scale.view(len(scale), *[1] * (like.dim() - len(own)), *own)
