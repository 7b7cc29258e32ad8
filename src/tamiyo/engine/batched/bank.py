"""Bank: modules of equal structure from many environments, each one a row of a few tensors.

A row holds everything that training changes about one environment's module: parameters, gradients,
moments and step count of the optimizer. The module's own parameters and buffers become views of its
row, so whoever holds the module sees it trained, and writing into them writes into the row.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor

from tamiyo.contracts import InvariantError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import nn

__all__ = ["ALIGNED_NUMBERS", "Bank", "Chosen", "Entry", "list_entries"]

ALIGNED_NUMBERS: Final = 16
"""Float32 numbers between places at which a matrix may begin: 64 bytes."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A tensor that every module of a bank has.

    Attributes:
        names: Its names in the module, several if it is tied.
        shape: Its shape in one module.
        dtype: Its dtype.
        is_trained: Whether it is a parameter with a gradient.
        begin: Where it begins in a row of parameters; 0 if it is not trained.
    """

    names: tuple[str, ...]
    shape: torch.Size
    dtype: torch.dtype
    is_trained: bool
    begin: int

    @property
    def end(self) -> int:
        """Where it ends in a row of parameters."""
        return self.begin + self.shape.numel()


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """Which rows a pass runs on.

    Attributes:
        rows: Index of the row for each network of the pass, shape [R], int64; ``None`` for all
            rows in order.
        is_fixed: Whether the pass leaves parameters without gradients and statistics as they are.
        generators: What each network of the pass draws random numbers from; empty where none is
            to be drawn.
    """

    rows: Tensor | None = None
    is_fixed: bool = False
    generators: tuple[torch.Generator, ...] = ()


class Bank:
    """Rows of modules of equal structure.

    Args:
        template: A module of that structure; only read.

    Attributes:
        entries: Every tensor a module has.
        keys: Key of each row, in order: the position of its environment.
        values: Parameters of the rows, shape [capacity, P], float32.
        gradients: Their gradients, of the same shape.
        moments: Moments of the optimizer by name, each of that shape.
        steps: Steps that the optimizer has made on each row, shape [capacity], float32.
        chosen: Which rows the present pass runs on; see :meth:`choosing`.
    """

    def __init__(self, template: nn.Module) -> None:
        self.entries = list_entries(template)
        self._by_name = {name: entry for entry in self.entries for name in entry.names}
        self.keys: list[int] = []
        self._modules: list[nn.Module] = []
        trained = max((entry.end for entry in self.entries if entry.is_trained), default=0)
        self._width = _round_up(trained)
        self.device = next(
            (tensor.device for tensor in _tensors(template).values()), torch.device("cpu")
        )
        self.values = self._empty_rows(0)
        self.gradients = self._empty_rows(0)
        self.moments: dict[str, Tensor] = {}
        self.steps = torch.zeros(0, device=self.device)
        self._others: dict[str, Tensor] = {
            entry.names[0]: torch.empty((0, *entry.shape), dtype=entry.dtype, device=self.device)
            for entry in self.entries
            if not entry.is_trained
        }
        self.chosen = Chosen()
        self._leaves: dict[str, Tensor] = {}
        self._gradients: list[Tensor] = []
        self._views: dict[str, Tensor] = {}

    def __len__(self) -> int:
        """Number of rows in use."""
        return len(self.keys)

    @property
    def count(self) -> int:
        """Networks of the present pass, R."""
        rows = self.chosen.rows
        return len(self) if rows is None else len(rows)

    def add(self, key: int, module: nn.Module) -> None:
        """Give a module a row; its parameters and buffers become views of it.

        Args:
            key: Who it belongs to; unknown so far.
            module: A module of the bank's structure.

        Raises:
            InvariantError: If the module is of another structure.
        """
        if list_entries(module) != self.entries:
            message = f"modules of a bank must be of one structure, got another one for {key}"
            raise InvariantError(message)
        row = len(self)
        self._reserve(row + 1)
        self.keys.append(key)
        self._modules.append(module)
        tensors = _tensors(module)
        for entry in self.entries:
            with torch.no_grad():
                self._view(entry, row).copy_(tensors[entry.names[0]])
        self.forget(key)
        self._point(row)
        self._renew()

    def remove(self, key: int) -> None:
        """Take a module's row away; the module keeps a copy of its own, the last row moves up."""
        row, last = self.keys.index(key), len(self) - 1
        for name, tensor in _tensors(self._modules[row]).items():
            _set(self._modules[row], name, tensor.detach().clone())
        for rows in self._all_rows():
            rows[row] = rows[last]
        self.keys[row], self._modules[row] = self.keys[last], self._modules[last]
        self.keys.pop()
        self._modules.pop()
        if row < last:
            self._point(row)
        self._renew()

    def forget(self, key: int) -> None:
        """Forget what the optimizer knows of a module."""
        row = self.keys.index(key)
        self.steps[row] = 0
        for rows in self.moments.values():
            rows[row] = 0

    @contextmanager
    def choosing(self, chosen: Chosen) -> Iterator[None]:
        """Run what stands in the block on the chosen rows."""
        before, views = self.chosen, self._views
        self.chosen, self._views = chosen, {}
        try:
            yield
        finally:
            self.chosen, self._views = before, views

    def switch(self, chosen: Chosen) -> None:
        """Go on with other rows, until the block of :meth:`choosing` ends."""
        self.chosen, self._views = chosen, {}

    def read(self, name: str) -> Tensor:
        """Return a tensor of the chosen rows, shape [R, ...]; with gradients if it is trained.

        A buffer of all rows is the bank's own memory: what is written into it stays.
        """
        if name not in self._views:
            self._views[name] = self._choose(name)
        return self._views[name]

    def leaves(self) -> list[Tensor]:
        """List every trained tensor of all rows, [rows, ...]: what gradients are asked for."""
        return list(self._leaves.values())

    def take_gradients(self, gradients: Sequence[Tensor | None], *, is_first: bool) -> None:
        """Take in the gradients of :meth:`leaves`.

        Args:
            gradients: One for each of them; ``None`` where a pass did not meet it.
            is_first: Whether they replace what was there; else they are added.
        """
        for stored, gradient in zip(self._gradients, gradients, strict=True):
            if gradient is not None:
                stored.copy_(gradient) if is_first else stored.add_(gradient)
            elif is_first:
                stored.zero_()

    def compute_gradient_norms(self) -> Tensor:
        """Return the L2 norm of every parameter's gradient in every row, [rows, parameters]."""
        norms = [gradient.flatten(1).norm(dim=1) for gradient in self._gradients]
        return torch.stack(norms, dim=1)

    def _choose(self, name: str) -> Tensor:
        entry = self._by_name[name]
        first = entry.names[0]
        source = self._leaves[first] if entry.is_trained else self._others[first][: len(self)]
        if self.chosen.is_fixed:
            source = source.detach()
        return source if self.chosen.rows is None else source.index_select(0, self.chosen.rows)

    def _renew(self) -> None:
        """Make the views of all rows anew."""
        count = len(self)
        self._views = {}
        trained = [entry for entry in self.entries if entry.is_trained]
        self._leaves = {
            entry.names[0]: _cut(self.values[:count], entry).requires_grad_() for entry in trained
        }
        self._gradients = [_cut(self.gradients[:count], entry) for entry in trained]

    def _view(self, entry: Entry, row: int) -> Tensor:
        if entry.is_trained:
            return _cut(self.values[row : row + 1], entry)[0]
        return self._others[entry.names[0]][row]

    def _point(self, row: int) -> None:
        """Make the tensors of a row's module views of the row."""
        for entry in self.entries:
            view = self._view(entry, row)
            for name in entry.names:
                _set(self._modules[row], name, view)

    def _reserve(self, rows: int) -> None:
        """Make room for so many rows, twice as many as there was when it is not enough."""
        capacity = len(self.values)
        if rows <= capacity:
            return
        larger = max(rows, 2 * capacity)
        self.values = _enlarge(self.values, larger)
        self.gradients = _enlarge(self.gradients, larger)
        self.steps = _enlarge(self.steps, larger)
        self.moments = {name: _enlarge(rows, larger) for name, rows in self.moments.items()}
        self._others = {name: _enlarge(rows, larger) for name, rows in self._others.items()}
        for row in range(len(self)):
            self._point(row)

    def _all_rows(self) -> Iterator[Tensor]:
        yield from (self.values, self.gradients, self.steps)
        yield from self.moments.values()
        yield from self._others.values()

    def _empty_rows(self, count: int) -> Tensor:
        return torch.zeros(count, self._width, device=self.device)


def list_entries(module: nn.Module) -> list[Entry]:
    """List the parameters and buffers of a module, tied ones once, in their order."""
    names: dict[int, list[str]] = {}
    tensors = _tensors(module)
    for name, tensor in tensors.items():
        names.setdefault(id(tensor), []).append(name)
    entries, begin = [], 0
    for aliases in names.values():
        tensor = tensors[aliases[0]]
        is_trained = tensor.requires_grad
        entries.append(
            Entry(
                names=tuple(aliases),
                shape=tensor.shape,
                dtype=tensor.dtype,
                is_trained=is_trained,
                begin=begin if is_trained else 0,
            )
        )
        begin += _round_up(tensor.numel()) if is_trained else 0
    return entries


def _round_up(numbers: int) -> int:
    """Round up to where the next matrix may begin."""
    return -(-numbers // ALIGNED_NUMBERS) * ALIGNED_NUMBERS


def _cut(rows: Tensor, entry: Entry) -> Tensor:
    """Cut an entry out of rows of parameters, shape [rows, *shape]."""
    return rows[:, entry.begin : entry.end].view(len(rows), *entry.shape).detach()


def _tensors(module: nn.Module) -> dict[str, Tensor]:
    """Every parameter and buffer under all its names."""
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _set(module: nn.Module, name: str, tensor: Tensor) -> None:
    """Put numbers of another place behind a parameter, or another tensor into a buffer's place."""
    path, _, leaf = name.rpartition(".")
    owner = module.get_submodule(path)
    parameter = owner._parameters.get(leaf)  # noqa: SLF001  # torch has no public way to say which
    if parameter is None:
        owner._buffers[leaf] = tensor  # noqa: SLF001  # a buffer that is a view stays persistent
    else:
        parameter.data = tensor
        parameter.grad = None


def _enlarge(rows: Tensor, capacity: int) -> Tensor:
    larger = rows.new_zeros((capacity, *rows.shape[1:]))
    larger[: len(rows)] = rows
    return larger
