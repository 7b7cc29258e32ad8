"""Slots on sequences: is axis 0 their batch, and may a position see later ones?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tamiyo.model.attaching.calling import map_tensors
from tamiyo.model.attaching.mixing import (
    Mixing,
    MixingMap,
    count_samples,
    list_changeable,
    measure_mixing,
)
from tamiyo.model.attaching.trial import FAILURES

if TYPE_CHECKING:
    from torch import Tensor

    from tamiyo.model.attaching.trial import Reading, Trial

__all__ = ["SequenceFlow", "find_batch_refusals", "measure_flows"]


def find_batch_refusals(trial: Trial, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, str]:
    """Say which modules do not have the batch on axis 0, by running half the batch.

    Args:
        trial: Runs the host.
        shapes: Path of a module to the shape of its output on the example.

    Returns:
        Path to what is wrong; empty if the example is one sample, or half of it cannot be run.
    """
    samples = count_samples(trial.example)
    half = samples // 2
    if half == 0:
        return {}

    def halve(tensor: Tensor) -> Tensor:
        return tensor[:half] if tensor.dim() and len(tensor) == samples else tensor

    try:
        read = trial.run_and_read(shapes, map_tensors(trial.example, halve)).modules
    except FAILURES:
        return {}
    return {
        path: (
            f"must have the batch on axis 0, got shape {list(whole)} from {samples} samples and "
            f"{list(read[path].shape)} from {half}: name a module whose output is [B, ...], or "
            "use batch_first=True"
        )
        for path, whole in shapes.items()
        if path in read and read[path].shape[0] * samples != whole[0] * half
    }


@dataclass(frozen=True, kw_only=True)
class SequenceFlow:
    """What flows in a sequence, at its slot and in the host's outputs.

    Attributes:
        length: Positions T.
        samples: Mixing of samples at the slot, if it was found.
        positions: Mixing of positions at the slot, one per input that holds positions.
        output_samples: Mixing of samples in the outputs.
        output_positions: Mixing of positions in the outputs.
        output_shapes: Shapes of the outputs that have one row per sample and more axes.
    """

    length: int
    samples: Sequence[Mixing]
    positions: Sequence[Mixing]
    output_samples: Sequence[Mixing]
    output_positions: Sequence[Mixing]
    output_shapes: Sequence[tuple[int, ...]]

    @property
    def has_batch_second(self) -> bool:
        """True if samples influence each other and positions do not: the axes are swapped."""
        levels = (
            (self.samples, self.positions),
            (self.output_samples, self.output_positions),
        )
        for samples, positions in levels:
            mixes_samples = any(mixing.is_any for mixing in samples)
            mixes_positions = any(mixing.is_any for mixing in positions)
            if mixes_samples or mixes_positions:
                return mixes_samples and bool(positions) and not mixes_positions
        return False

    @property
    def is_causal(self) -> bool:
        """Whether no position may see a later one.

        The slot decides; where its positions have not met yet, the outputs; where those have no
        positions, it is false. What cannot be determined counts as causal, since a causal seed
        never leaks.
        """
        for level in (self.positions, self.output_positions):
            if any(mixing.is_causal for mixing in level):
                return True
            if any(mixing.is_any for mixing in level):
                return False
        has_positions = any(
            abs(size - self.length) <= 1 for shape in self.output_shapes for size in shape[1:]
        )
        return has_positions or not self.output_shapes


def measure_flows(trial: Trial, whole: Reading) -> dict[str, SequenceFlow]:
    """Measure what flows in every sequence of a reading.

    Args:
        trial: Runs the host.
        whole: What the example gave; its modules put out ``[B, T, D]``.

    Returns:
        Path of a module to what flows there.
    """
    changeable = list_changeable(trial.example)
    samples = count_samples(trial.example)
    lengths = {path: tensor.shape[1] for path, tensor in whole.modules.items()}
    across = _measure(trial, whole, changeable if samples > 1 else [], axis=0)
    along = [
        (tensor.shape[1], _measure(trial, whole, [tensor], axis=1))
        for tensor in changeable
        if tensor.dim() > 1
        and any(abs(tensor.shape[1] - length) <= 1 for length in lengths.values())
    ]
    flows = {}
    for path, length in lengths.items():
        near = [(size, found) for size, found in along if path in found.modules]
        inputs = [found for size, found in near if size == length] or [found for _, found in near]
        flows[path] = SequenceFlow(
            length=length,
            samples=across.at(path),
            positions=[mixing for found in inputs for mixing in found.at(path)],
            output_samples=across.outputs,
            output_positions=[mixing for found in inputs for mixing in found.outputs],
            output_shapes=[
                tuple(output.shape) for output in whole.outputs if _is_batch(output, samples)
            ],
        )
    return flows


def _measure(trial: Trial, whole: Reading, chosen: Sequence[Tensor], *, axis: int) -> MixingMap:
    """Measure mixing, or nothing where there is nothing to change or the host does not take it."""
    if not chosen:
        return MixingMap()
    try:
        return measure_mixing(trial, whole, chosen, axis)
    except FAILURES:
        return MixingMap()


def _is_batch(output: Tensor, samples: int) -> bool:
    return output.dim() > 1 and len(output) == samples
