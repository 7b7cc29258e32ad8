"""A network that stands for many: a copy of one whose layers read the rows of a bank.

Modules without tensors of their own keep their own code, which runs on all samples of all networks
at once; see :mod:`tamiyo.engine.batched.layers`. A layer with tensors and without a batched form
runs under ``torch.vmap`` where that works, else network by network.
"""

from __future__ import annotations

import copy
from contextlib import nullcontext
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from tamiyo.engine.batched.layers.features import Features, Maps, as_maps, as_samples
from tamiyo.engine.batched.layers.registry import BatchedForm, Layout, Rows, find_batched
from tamiyo.model import StandIn, drawing_from

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from tamiyo.engine.batched.bank import Bank

__all__ = ["BatchedLayer", "find_stacked_path", "stack_module"]


class BatchedLayer(nn.Module):
    """Stands where a layer stood and computes it for every network of a pass.

    Args:
        layer: The layer; its numbers are not used.
        form: Its batched form.
        rows: Its tensors.
    """

    def __init__(self, layer: nn.Module, form: BatchedForm, rows: Rows) -> None:
        super().__init__()
        self.layer = layer.to(device="meta")
        self._form = form
        self._rows = rows

    def forward(self, *inputs: Any, **options: Any) -> Features:  # noqa: ANN401  # the layer's own
        """Run the layer on features of every network, in the layout that suits it."""
        first, *others = inputs
        networks = self._rows.count
        layout = self._form.layout
        if layout == Layout.MAPS or (layout == Layout.ANY and isinstance(first, Maps)):
            maps = as_maps(first, networks)
            return Maps(self._form.forward(self.layer, self._rows, maps, *others, **options))
        samples = [as_samples(one) for one in inputs]
        return self._form.forward(self.layer, self._rows, *samples, **options)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # whatever the layer has
        try:
            return super().__getattr__(name)
        except AttributeError:
            found = getattr(super().__getattr__("layer"), name)
        if isinstance(found, Tensor):
            message = f"code of the host reads {name} of a layer past the layer itself"
            raise NotImplementedError(message)
        return found


class Border(StandIn):
    """A module that is met with samples and gives samples: code of others stands around or in it.

    Args:
        host_module: The module.
    """

    def forward(self, *inputs: Any, **options: Any) -> Any:  # noqa: ANN401  # the module's own
        """Run the module on samples."""
        outputs = self.host_module(*(as_samples(one) for one in inputs), **options)
        return as_samples(outputs)


def stack_module(
    module: nn.Module, bank: Bank, path: str = "", *, watched: Collection[str] = ()
) -> nn.Module:
    """Copy a module so that the copy runs all networks of a bank's passes.

    Args:
        module: A module whose numbers the bank holds; only read.
        bank: Where they are.
        path: What the module is called in the bank's modules, if it is a part of them.
        watched: Paths of modules whose outputs somebody looks at.

    Returns:
        A module that maps features of R networks as ``module`` maps those of one.
    """
    stacked = _Stacker(bank).stack(copy.deepcopy(module), f"{path}." if path else "")
    for name, part in stacked.named_modules():
        if type(part) is nn.Sequential:
            _pool_before_activation(part, f"{name}." if name else "", watched)
    return stacked


class _Stacker:
    """Replaces the layers of a module; what stands in several places is replaced once."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._stacked: dict[nn.Module, nn.Module] = {}
        self._bordered: dict[nn.Module, nn.Module] = {}

    def stack(self, module: nn.Module, prefix: str) -> nn.Module:
        """Return what stands for a module."""
        if module not in self._stacked:
            self._stacked[module] = self._replace(module, prefix)
        return self._stacked[module]

    def _replace(self, module: nn.Module, prefix: str) -> nn.Module:
        form = find_batched(module)
        if form is None and _has_own_tensors(module):
            form = BatchedForm(forward=_Mapped(), layout=Layout.SAMPLES)
        if form is not None:
            return BatchedLayer(module, form, Rows(self._bank, prefix))
        is_sequence = type(module) is nn.Sequential
        for name, child in list(module._modules.items()):  # noqa: SLF001  # one child may stand twice
            if child is not None:
                own = self.stack(child, f"{prefix}{name}.")
                module.register_module(name, own if is_sequence else self._surround(own))
        return module if is_sequence else self._surround(module)

    def _surround(self, module: nn.Module) -> nn.Module:
        if isinstance(module, Border):
            return module
        return self._bordered.setdefault(module, Border(module))


def find_stacked_path(stacked: nn.Module, path: str) -> str:
    """Return where a module of the original stands in what :func:`stack_module` made of it."""
    parts: list[str] = []
    current = stacked
    for name in path.split("."):
        if isinstance(current, Border):
            parts.append("host_module")
            current = current.host_module
        parts.append(name)
        current = current.get_submodule(name)
    return ".".join(parts)


def _pool_before_activation(sequence: nn.Sequential, prefix: str, watched: Collection[str]) -> None:
    """Let ReLU and a maximum pool that follow each other change places: less is left to activate.

    The maximum of what is cut off at zero is the maximum, cut off at zero; and where it is zero no
    gradient passes either way.
    """
    for first, second in pairwise(sequence._modules):  # noqa: SLF001  # by name, to change places
        pair = sequence.get_submodule(first), sequence.get_submodule(second)
        kinds = [type(part.layer) if isinstance(part, BatchedLayer) else None for part in pair]
        is_watched = any(f"{prefix}{name}" in watched for name in (first, second))
        if kinds == [nn.ReLU, nn.MaxPool2d] and not is_watched:
            sequence.register_module(first, pair[1])
            sequence.register_module(second, pair[0])


def _has_own_tensors(module: nn.Module) -> bool:
    return any(True for _ in module.parameters(recurse=False)) or any(
        True for _ in module.buffers(recurse=False)
    )


class _Mapped:
    """Batched form of any layer: ``vmap`` over the networks, or one by one where that fails."""

    def __init__(self) -> None:
        self._is_mapped = True

    def __call__(self, layer: nn.Module, rows: Rows, *inputs: object, **options: object) -> Tensor:
        names = [name for name, _ in (*layer.named_parameters(), *layer.named_buffers())]
        tensors = {name: rows[name] for name in names}
        parts = [
            one.unflatten(0, (rows.count, -1)) if isinstance(one, Tensor) else one for one in inputs
        ]
        if self._is_mapped:
            try:
                return _run_mapped(layer, tensors, parts, options)
            except RuntimeError:  # no batching rule, random numbers, a look at the data
                self._is_mapped = False
        return _run_one_by_one(layer, rows, tensors, parts, options)


def _run_mapped(
    layer: nn.Module,
    tensors: dict[str, Tensor],
    inputs: Sequence[object],
    options: Mapping[str, object],
) -> Tensor:
    def run(own: dict[str, Tensor], *parts: object) -> Tensor:
        output: Tensor = functional_call(layer, own, tuple(parts), dict(options))
        return output

    axes = tuple(0 if isinstance(one, Tensor) else None for one in inputs)
    mapped: Tensor = torch.vmap(run, in_dims=(0, *axes))(tensors, *inputs)
    return mapped.flatten(0, 1)


def _run_one_by_one(
    layer: nn.Module,
    rows: Rows,
    tensors: dict[str, Tensor],
    inputs: Sequence[object],
    options: Mapping[str, object],
) -> Tensor:
    outputs = []
    for index in range(rows.count):
        own = {name: tensor[index] for name, tensor in tensors.items()}
        if not rows.keeps_statistics:
            own = {name: one.clone() if not one.requires_grad else one for name, one in own.items()}
        parts = tuple(one[index] if isinstance(one, Tensor) else one for one in inputs)
        generators = rows.generators
        with drawing_from(generators[index]) if generators else nullcontext():
            outputs.append(functional_call(layer, own, parts, dict(options)))
    return torch.cat(outputs)
