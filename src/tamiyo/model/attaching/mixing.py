"""Which parts of a batch influence which: samples each other, positions the past or the future.

Found by changing one half of an axis of the inputs and looking at the other half of what a module
puts out, in evaluation mode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import torch

from tamiyo.model.attaching.calling import list_tensors, map_tensors

if TYPE_CHECKING:
    from torch import Tensor

    from tamiyo.model.attaching.trial import Reading, Trial

__all__ = ["Mixing", "MixingMap", "count_samples", "list_changeable", "measure_mixing"]

_ROUNDING: Final = 1e-4
"""Share of the largest change up to which a change may be rounding."""


@dataclass(frozen=True, kw_only=True)
class Mixing:
    """What flows along an axis.

    Attributes:
        backward: Whether the later half influences the earlier one.
        forward: Whether the earlier half influences the later one.
    """

    backward: bool
    forward: bool

    @property
    def is_causal(self) -> bool:
        """True if something flows, and forward only."""
        return self.forward and not self.backward

    @property
    def is_any(self) -> bool:
        """True if something flows at all."""
        return self.forward or self.backward


@dataclass(frozen=True)
class MixingMap:
    """What flows along an axis of the inputs, where there is such an axis.

    Attributes:
        outputs: In the host's outputs.
        modules: Path of a module to what flows in its output.
    """

    outputs: Sequence[Mixing] = ()
    modules: Mapping[str, Mixing] = field(default_factory=dict)

    def at(self, path: str) -> list[Mixing]:
        """Return what flows in the output of a module: one or none."""
        return [self.modules[path]] if path in self.modules else []


def count_samples(example: object) -> int:
    """Return the length of axis 0 of the first tensor that has one; 0 if there is none."""
    return next((len(tensor) for tensor in list_tensors(example) if tensor.dim()), 0)


def list_changeable(example: object) -> list[Tensor]:
    """List the tensors of a batch, one row per sample, whose numbers may be others as well.

    Masks are left as they are; so are integers that are all the same, since which other ones would
    be legal is not known.
    """
    samples = count_samples(example)
    return [
        tensor
        for tensor in list_tensors(example)
        if tensor.dim() and len(tensor) == samples and _is_changeable(tensor)
    ]


def measure_mixing(trial: Trial, whole: Reading, chosen: Sequence[Tensor], axis: int) -> MixingMap:
    """Measure what flows along an axis of the inputs.

    Args:
        trial: Runs the host.
        whole: What the example itself gave.
        chosen: Tensors of the example to change, of the same length along the axis.
        axis: 0 for samples, 1 for positions.

    Positions may be one more or fewer than in the inputs, for a token put before or cut off.
    """
    length = chosen[0].shape[axis]
    halves = ((length // 2, length), (0, length // 2))
    later, earlier = (
        trial.run_and_read(whole.modules, _change(trial.example, chosen, axis, half))
        for half in halves
    )
    outputs = zip(whole.outputs, later.outputs, earlier.outputs, strict=False)
    # Outputs may have positions on another axis, as cross-entropy wants them: [B, C, T].
    in_outputs = [
        _compare(*tensors, axis=place, length=length)
        for tensors in outputs
        for place in ((0,) if axis == 0 else range(1, tensors[0].dim()))
    ]
    in_modules = {
        path: _compare(tensor, later.modules[path], earlier.modules[path], axis=axis, length=length)
        for path, tensor in whole.modules.items()
        if path in later.modules and path in earlier.modules
    }
    return MixingMap(
        [mixing for mixing in in_outputs if mixing is not None],
        {path: mixing for path, mixing in in_modules.items() if mixing is not None},
    )


def _is_changeable(tensor: Tensor) -> bool:
    if tensor.is_floating_point():
        return True
    is_integer = tensor.dtype != torch.bool and not tensor.is_complex()
    return is_integer and tensor.numel() > 1 and bool((tensor != tensor.flatten()[0]).any())


def _change(example: object, chosen: Sequence[Tensor], axis: int, part: tuple[int, int]) -> object:
    """Change a part of some tensors: noise for numbers, another one of its ids for an id."""
    wanted = {id(tensor) for tensor in chosen}

    def change(tensor: Tensor) -> Tensor:
        if id(tensor) not in wanted:
            return tensor
        changed = tensor.detach().clone()
        piece = changed.narrow(axis, part[0], part[1] - part[0])
        if changed.is_floating_point():
            noise = torch.randn(piece.shape, generator=torch.Generator())
            spread = float(changed.float().std().nan_to_num()) or 1.0
            piece += (spread * noise).to(changed)
        else:
            ids = changed.unique()
            piece.copy_(ids[(torch.searchsorted(ids, piece.contiguous()) + 1) % len(ids)])
        return changed

    return map_tensors(example, change)


def _compare(
    whole: Tensor, later: Tensor, earlier: Tensor, *, axis: int, length: int
) -> Mixing | None:
    """Compare what came of the example with what came of it changed in its later, earlier half."""
    if whole.dim() <= axis or not whole.shape == later.shape == earlier.shape:
        return None
    size, middle = whole.shape[axis], length // 2
    margin = abs(size - length)  # where a position was put before or taken away, halves are shifted
    if margin > min(axis, 1) or not margin < middle < size - margin:
        return None
    return Mixing(
        backward=_is_changed(whole, later, axis, (0, middle - margin)),
        forward=_is_changed(whole, earlier, axis, (middle + margin, size)),
    )


def _is_changed(before: Tensor, after: Tensor, axis: int, part: tuple[int, int]) -> bool:
    difference = (after.double() - before.double()).abs().nan_to_num()
    changed = difference.narrow(axis, part[0], part[1] - part[0])
    return float(changed.max()) > _ROUNDING * float(difference.max())
