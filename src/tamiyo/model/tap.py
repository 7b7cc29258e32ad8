"""Tap: stands in for a slot's module during a pass and works on what that module puts out.

A tap stands where a grown module stands in a detached network. A forward hook would not do: PyTorch
leaves its fast paths where it sees one, and a model would differ from the network detached from it
in the last bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tamiyo.model.modules import StandIn

if TYPE_CHECKING:
    from torch import nn

__all__ = ["Change", "Site", "map_names", "tapping"]

Change = Callable[[object], object]
"""Maps the output of a slot's module to what the host gets instead."""


class Tap(StandIn):
    """A module followed by a change of its output.

    Args:
        host_module: The slot's module.
    """

    def __init__(self, host_module: nn.Module) -> None:
        super().__init__(host_module)
        self._change: Change = _keep

    def set(self, change: Change) -> None:
        """Choose what is done to the output; the mode is the module's of this moment."""
        # Set past nn.Module, which looks twice at every attribute: this happens in every pass.
        vars(self).update(_change=change, training=self.host_module.training)

    def forward(self, *inputs: object, **options: object) -> object:
        """Run the module and change its output."""
        return self._change(self.host_module(*inputs, **options))


class Site:
    """A module of a host, in every place it stands in.

    Args:
        host: The host.
        names: All paths of the module.
    """

    def __init__(self, host: nn.Module, names: Sequence[str]) -> None:
        self._host = host
        self._names = tuple(names)
        self._find()

    def place(self, change: Change) -> None:
        """Put a tap into every place."""
        if any(children.get(name) is not self._module for children, name in self._places):
            self._find()  # somebody put another module there since
        self._tap.set(change)
        for children, name in self._places:
            children[name] = self._tap

    def clear(self) -> None:
        """Put the module back, and forget what the tap did and saw."""
        self._tap.set(_keep)
        for children, name in self._places:
            children[name] = self._module

    def _find(self) -> None:
        self._module = self._host.get_submodule(self._names[0])
        self._tap = Tap(self._module)
        parents = [name.rpartition(".") for name in self._names]
        self._places: list[tuple[dict[str, nn.Module | None], str]] = [
            (vars(self._host.get_submodule(path))["_modules"], child) for path, _, child in parents
        ]


def _keep(output: object) -> object:
    return output


def map_names(host: nn.Module) -> dict[str, tuple[str, ...]]:
    """Map every path in a host to all the paths by which its module can be reached."""
    names: dict[nn.Module, list[str]] = {}
    for path, module in host.named_modules(remove_duplicate=False):
        names.setdefault(module, []).append(path)
    return {path: tuple(paths) for paths in names.values() for path in paths}


@contextmanager
def tapping(taps: Iterable[tuple[Site, Change]]) -> Iterator[None]:
    """Put taps into a host for the length of a block.

    Args:
        taps: Where they go, each module once, and what they do.
    """
    placed = []
    try:
        for site, change in taps:
            site.place(change)
            placed.append(site)
        yield
    finally:
        for site in placed:
            site.clear()
