"""One pass that is watched: which modules run, in which order, and what they put out."""

from __future__ import annotations

import weakref
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from tamiyo.contracts import ShapeError
from tamiyo.model.attaching.calling import call_host, list_tensors
from tamiyo.model.attaching.trial import FAILURES, Trial, quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["Observation", "Sighting", "observe"]

_LAST: Final = -1
_CHANNEL_AXES: Final[Mapping[type[nn.Module], int]] = {
    nn.Linear: _LAST,
    nn.Bilinear: _LAST,
    nn.Embedding: _LAST,
    nn.LayerNorm: _LAST,
    nn.RMSNorm: _LAST,
    nn.Conv1d: 1,
    nn.Conv2d: 1,
    nn.Conv3d: 1,
    nn.ConvTranspose1d: 1,
    nn.ConvTranspose2d: 1,
    nn.ConvTranspose3d: 1,
    nn.BatchNorm1d: 1,
    nn.BatchNorm2d: 1,
    nn.BatchNorm3d: 1,
    nn.GroupNorm: 1,
    nn.InstanceNorm1d: 1,
    nn.InstanceNorm2d: 1,
    nn.InstanceNorm3d: 1,
}
"""Layers that say which axis of their output holds channels."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One run of a module.

    Attributes:
        path: Its path.
        kind: Type of what it put out.
        shape: Shape of that, if it is a tensor.
        dtype: Dtype of that.
        device: Device of that.
        work: Runs of modules with parameters of their own up to its end, its own included.
        channel_axis: Axis of the channels, 1 or -1, if it is a layer that has them there.
        parameter: Name of its first floating-point parameter of its own.
        is_final: True if what it put out is among the host's outputs as it is.
    """

    path: str
    kind: str
    shape: tuple[int, ...] | None
    dtype: torch.dtype | None
    device: torch.device | None
    work: int
    channel_axis: int | None
    parameter: str | None
    is_final: bool


@dataclass(frozen=True)
class Observation:
    """A watched pass.

    Attributes:
        sightings: Every run of every module but the host itself, in the order they ended.
        work: Runs of modules with parameters of their own in the whole pass.
    """

    sightings: tuple[Sighting, ...]
    work: int

    def find(self, path: str) -> list[int]:
        """Return the indices of the runs of one module."""
        return [index for index, sighting in enumerate(self.sightings) if sighting.path == path]

    def first(self, path: str) -> Sighting:
        """Return the first run of a module that ran."""
        return self.sightings[self.find(path)[0]]

    def list_parameters(self, path: str) -> list[str]:
        """List one parameter of every module used up to the end of a run, the last one first."""
        until = self.sightings[: self.find(path)[0] + 1]
        return [run.parameter for run in reversed(until) if run.parameter is not None]

    def find_channel_axis(self, index: int) -> int | None:
        """Find the axis of channels of a run's output by the last layer that put out its shape."""
        shape = self.sightings[index].shape
        return next(
            (
                sighting.channel_axis
                for sighting in reversed(self.sightings[: index + 1])
                if sighting.channel_axis is not None and sighting.shape == shape
            ),
            None,
        )


def observe(trial: Trial) -> Observation:
    """Watch the example pass through the host, in evaluation mode and without gradients.

    Raises:
        ShapeError: If the host does not take the example.
    """
    # Fast paths run several modules as one, none of which would be seen.
    with trial.copied() as host, torch.no_grad(), _without_fast_paths():
        watcher = _Watcher(host)
        try:
            outputs = call_host(host, trial.example)
        except FAILURES as error:
            message = (
                f"example must be what the host is called with, got {quote(error)}: give a tensor, "
                "a tuple or list of positional or a mapping of keyword arguments"
            )
            raise ShapeError(message) from None
    return watcher.finish(outputs)


class _Watcher:
    """Notes every run of every module of a host it is given to watch for good."""

    def __init__(self, host: nn.Module) -> None:
        self._runs: list[tuple[Sighting, weakref.ref[Tensor] | None]] = []
        self._work = 0
        for path, module in host.named_modules():
            if path:
                module.register_forward_hook(self._build_hook(path))

    def finish(self, outputs: object) -> Observation:
        final = list_tensors(outputs)
        sightings = []
        for sighting, reference in self._runs:
            tensor = None if reference is None else reference()
            is_final = any(tensor is output for output in final)
            sightings.append(
                Sighting(**{**vars(sighting), "is_final": is_final}) if is_final else sighting
            )
        return Observation(tuple(sightings), self._work)

    def _build_hook(self, path: str) -> Callable[[nn.Module, object, object], None]:
        def note(module: nn.Module, _inputs: object, output: object) -> None:
            own = [
                f"{path}.{name}"
                for name, parameter in module.named_parameters(recurse=False)
                if parameter.is_floating_point()
            ]
            self._work += bool(own)
            is_nested = isinstance(output, Tensor) and output.is_nested
            tensor = output if isinstance(output, Tensor) and not is_nested else None
            sighting = Sighting(
                path=path,
                kind="a nested tensor" if is_nested else type(output).__name__,
                shape=None if tensor is None else tuple(tensor.shape),
                dtype=None if tensor is None else tensor.dtype,
                device=None if tensor is None else tensor.device,
                work=self._work,
                channel_axis=_find_channel_axis(module),
                parameter=own[0] if own else None,
                is_final=False,
            )
            self._runs.append((sighting, None if tensor is None else weakref.ref(tensor)))

        return note


def _find_channel_axis(module: nn.Module) -> int | None:
    """Look a layer up; one with a forward pass of its own may treat the axes as it likes."""
    for kind, axis in _CHANNEL_AXES.items():
        if isinstance(module, kind) and type(module).forward is kind.forward:
            return axis
    return None


@contextmanager
def _without_fast_paths() -> Iterator[None]:
    enabled = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(enabled)
