"""Arrays in, network input out: every environment at once, nothing cut unnoticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tamiyo.contracts import ConfigError, InvariantError, ShapeError
from tamiyo.observation.features import BASE
from tamiyo.observation.moment import Moment

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tamiyo.contracts import TaskConfig
    from tamiyo.observation.arrays import Flags, Floats, HostArrays
    from tamiyo.observation.fields import Feature
    from tamiyo.observation.layout import ObservationLayout

__all__ = ["ObservationEncoder"]


class ObservationEncoder:
    """Makes observations of one layout, scaled by one task, and counts what it had to cut.

    Args:
        layout: Which fields, in which order.
        task: What they are scaled by.

    Raises:
        ConfigError: If the task does not say how many batches an epoch has.
    """

    def __init__(self, layout: ObservationLayout, task: TaskConfig) -> None:
        if task.batches_per_epoch is None:
            message = (
                f"batches_per_epoch of task {task.name} must be known to scale observations, "
                "got none: put it into the task"
            )
            raise ConfigError(message)
        self.layout = layout
        self._task = task
        self._total_steps = task.max_epochs * task.batches_per_epoch
        self._low = np.array([field.low for field in layout.fields])
        self._high = np.array([field.high for field in layout.fields])
        codes = [np.nan if field.unknown is None else field.unknown for field in layout.fields]
        self._codes = np.array(codes)
        # Which slot a field needs a seed in; one that needs none looks behind the last slot.
        self._seats = np.full(layout.size, layout.slots)
        for features, block in self._split(self._seats[None])[1:]:
            needs_seed = [feature.needs_seed for feature in features for _ in range(feature.size)]
            block[:, :, needs_seed] = np.arange(layout.slots)[:, None]
        self._known = np.zeros(layout.size, dtype=np.int64)
        self._cut = np.zeros(layout.size, dtype=np.int64)
        self._unknown = np.zeros((0, layout.size), dtype=np.bool_)

    def encode(self, arrays: HostArrays) -> NDArray[np.float32]:
        """Build one observation per environment.

        Args:
            arrays: What is known about the environments.

        Returns:
            The observations, float32, ``[N, size]``.

        Raises:
            ShapeError: If the arrays have another number of slots than the layout.
            StageError: If a stage is none of the ten; the message names slot and environment.
            ConfigError: If a living seed's blueprint is not registered.
            InvariantError: If something that is always known was not measured.
        """
        num_envs, slots = arrays.seeds.stage.shape
        if slots != self.layout.slots:
            message = f"arrays must have {self.layout.slots} slots as the layout does, got {slots}"
            raise ShapeError(message)
        moment = Moment(arrays, self._task, self._total_steps)
        values = np.empty((num_envs, self.layout.size))
        for features, block in self._split(values):
            _fill(block, features, moment)
        always = np.ones((num_envs, 1), dtype=np.bool_)
        is_void = ~np.concatenate([moment.is_living, always], axis=1)[:, self._seats]
        values[is_void] = np.nan
        is_unknown = np.isnan(values)
        self._count(values, is_unknown)
        self._unknown = is_unknown
        np.clip(values, self._low, self._high, out=values)
        np.copyto(values, self._codes, where=is_unknown)
        values[is_void] = 0
        if np.isnan(values).any():
            lost = self.layout.fields[int(np.isnan(values).any(axis=0).argmax())]
            message = f"{lost.name} must always be measured, got NaN"
            raise InvariantError(message)
        return values.astype(np.float32)

    @property
    def unknown(self) -> NDArray[np.bool_]:
        """What was not measured in the last observations, or has no seed, ``[N, size]``."""
        return self._unknown

    @property
    def counts(self) -> dict[str, NDArray[np.int64]]:
        """How often each field was measured and how often it was cut, ``[size]`` each; not copies.

        Filling them in place goes on where another encoder stood.
        """
        return {"known": self._known, "cut": self._cut}

    def saturated(self) -> dict[str, float]:
        """Return, for the fields that were cut, the share of their measured values that was."""
        return {
            field.name: int(cut) / int(known)
            for field, cut, known in zip(self.layout.fields, self._cut, self._known, strict=True)
            if cut
        }

    def reset_counts(self) -> None:
        """Begin to count anew."""
        self._known[:] = 0
        self._cut[:] = 0

    def _count(self, values: Floats, is_unknown: Flags) -> None:
        is_cut = (values < self._low) | (values > self._high)
        self._known += len(values) - is_unknown.sum(axis=0)
        self._cut += is_cut.sum(axis=0)

    def _split(self, array: NDArray[Any]) -> list[tuple[tuple[Feature, ...], NDArray[Any]]]:
        """View ``[N, size]`` as the base, ``[N, 23]``, and the blocks of slots, ``[N, S, F]``."""
        slots = self.layout.slots
        blocks = self.layout.spec.slot_blocks
        views: list[tuple[tuple[Feature, ...], NDArray[Any]]] = [
            (BASE, array[:, : blocks[0].offset])
        ]
        for features, block in zip(self.layout.blocks, blocks, strict=True):
            part = array[:, block.offset : block.offset + slots * block.size]
            views.append((features, part.reshape(len(array), slots, block.size, copy=False)))
        return views


def _fill(block: Floats, features: tuple[Feature, ...], moment: Moment) -> None:
    start = 0
    for feature in features:
        stop = start + feature.size
        scaled = feature.scale.apply(moment, feature.read(moment))
        block[..., start:stop] = scaled if feature.places else scaled[..., None]
        start = stop
