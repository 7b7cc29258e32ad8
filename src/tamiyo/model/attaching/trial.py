"""Trial passes: run a host on copies of it, so that nothing about the host itself changes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from tamiyo.contracts import ShapeError
from tamiyo.model.attaching.calling import call_host, list_tensors
from tamiyo.model.randomness import drawing_from
from tamiyo.model.tap import Site, map_names, tapping

if TYPE_CHECKING:
    from torch import nn

    from tamiyo.model.tap import Change

__all__ = ["FAILURES", "Reading", "Trial", "quote"]

FAILURES: Final = (
    RuntimeError,
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
    AssertionError,
    ArithmeticError,
    copy.Error,
    pickle.PickleError,
)
"""What the code of somebody else's host may raise."""

_MOST_LETTERS: Final = 200


@dataclass(frozen=True)
class Reading:
    """What came of one pass.

    Attributes:
        outputs: The tensors in the host's outputs, nested ones left out.
        modules: Path of a module to what it put out, unless that was nested.
    """

    outputs: Sequence[Tensor]
    modules: Mapping[str, Tensor]


class Trial:
    """Passes of one example through copies of a host.

    Every pass gets a copy of its own, which shares the host's parameters and nothing else, and the
    same random numbers. So passes differ by nothing but what is done to them, even for a host that
    draws, counts or remembers, and the host keeps its buffers, modes, gradients and generators.

    Args:
        host: The host.
        example: A batch for it, packed as for ``call_host``.

    Raises:
        ShapeError: If the host cannot be copied.
    """

    def __init__(self, host: nn.Module, example: object) -> None:
        self.host = host
        self.example = example
        self._names = map_names(host)
        try:
            self._copy()
        except FAILURES as error:
            message = (
                "host must be one that copy.deepcopy can copy, since detach copies it, got "
                f"{quote(error)}: keep what cannot be copied outside the module"
            )
            raise ShapeError(message) from None

    @contextmanager
    def copied(self, *, training: bool = False) -> Iterator[nn.Module]:
        """Lend a fresh copy of the host, with random numbers that are the same each time."""
        tensors = [*self.host.parameters(), *list_tensors(self.example)]
        devices = {tensor.device for tensor in tensors if tensor.device.type != "cpu"}
        indices = [device.index for device in devices if device.index is not None]
        kind = next((device.type for device in devices), "cuda")
        with (
            torch.random.fork_rng(indices, device_type=kind),
            drawing_from(torch.Generator()),
        ):
            yield self._copy().train(training)

    def run(
        self, changes: Mapping[str, Change], *, inputs: object = None, training: bool = False
    ) -> object:
        """Run one pass with taps on modules.

        Args:
            changes: First path of a module to what becomes of its output.
            inputs: A batch in place of the example.
            training: Run in training mode rather than in evaluation mode.

        Returns:
            The host's outputs.
        """
        with self.copied(training=training) as host:
            # All sites are found before the first tap stands on the way to another.
            taps = [(Site(host, self._names[path]), change) for path, change in changes.items()]
            with tapping(taps):
                return call_host(host, self.example if inputs is None else inputs)

    def run_and_read(self, paths: Iterable[str], inputs: object = None) -> Reading:
        """Run one pass in evaluation mode, without gradients, and read the outputs of modules.

        Args:
            paths: First paths of modules that put out tensors.
            inputs: A batch in place of the example.
        """
        read: dict[str, Tensor] = {}

        def reading(path: str) -> Change:
            def note(output: object) -> object:
                # Copied, since the host may go on to work in place.
                read.update((path, tensor.clone()) for tensor in list_tensors(output)[:1])
                return output

            return note

        with torch.no_grad():
            outputs = self.run({path: reading(path) for path in paths}, inputs=inputs)
        return Reading(list_tensors(outputs), read)

    def _copy(self) -> nn.Module:
        shared = {id(parameter): parameter for parameter in self.host.parameters()}
        return copy.deepcopy(self.host, shared)


def quote(error: BaseException) -> str:
    """Name an error by its kind and the first line of its message."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:_MOST_LETTERS].strip()}".rstrip(": ")
