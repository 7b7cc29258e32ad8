"""Load an export: read its recipe and weights, let the caller build the host, and grow it.

An export is a folder of ``growth.json``, the recipe, and ``weights.safetensors``. The recipe holds
a digest of itself and of the weights, so that a truncated or altered export is refused. A copy of
this code lies beside them; it is not among what the recipe vouches for, since code that has been
altered can vouch for anything.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch

from .bodies import BODIES, build_seed
from .grown import grow_module
from .seed_module import Algorithm
from .tensors import DTYPES, read_tensors
from .topology import Topology

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor, nn

    from .seed_module import SeedModule

__all__ = [
    "GROWTH_FORMAT",
    "RECIPE_FILE",
    "WEIGHTS_FILE",
    "LoadError",
    "digest_recipe",
    "load",
    "load_network",
]

GROWTH_FORMAT: Final = "tamiyo-growth-2"
"""Name and version of the recipe; raised when a field changes its meaning."""

RECIPE_FILE: Final = "growth.json"
WEIGHTS_FILE: Final = "weights.safetensors"
_FIELDS: Final = frozenset({"host", "fossils", "non_persistent", "strides", "weights_sha256"})
_DAMAGES: Final = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,  # tensors that do not fit, and too deep a nesting
    TypeError,
    ValueError,
)


class LoadError(Exception):
    """An export is missing, truncated, altered or of another format, or the host is another."""


def load(folder: Path | str, build_host: Callable[[], nn.Module]) -> nn.Module:
    """Build the grown network of an export, where Tamiyo need not be.

    Args:
        folder: The export, whether this code is the copy in it or in another one of its format.
        build_host: Builds the bare host as it was before anything grew; its weights do not matter.

    Returns:
        The network on the CPU, in evaluation mode; its outputs equal the exported ones bit for bit
        on the same input, machine, number of threads and release of PyTorch.
    """
    return load_network(folder, lambda _host: build_host())


def load_network(
    folder: Path | str, build_host: Callable[[Mapping[str, object]], nn.Module]
) -> nn.Module:
    """Build the grown network of an export.

    Args:
        folder: Where the export is.
        build_host: Builds the bare host from the recipe's ``host``; its weights do not matter.

    Returns:
        As :func:`load`.

    Raises:
        LoadError: If a file is missing, truncated, altered or of another format, or the host
            built is not the exported one.
    """
    folder = Path(folder)
    recipe = _read_recipe(folder / RECIPE_FILE)
    weights = _read_weights(folder / WEIGHTS_FILE, recipe["weights_sha256"])
    with torch.random.fork_rng(devices=[]):  # the weights drawn here are all replaced
        network = build_host(recipe["host"])
        try:
            _check_sizes(recipe["fossils"], weights)
            for fossil in recipe["fossils"]:
                _grow(network, fossil)
            _check_types(network, weights)
            _fill(network, weights, recipe["non_persistent"])
            _lay_out(network, recipe["strides"])
        except _DAMAGES as error:
            reason = (str(error).splitlines() or [type(error).__name__])[-1].strip()
            message = f"build_host must build the host {recipe['host']} of {folder}, got {reason}"
            raise LoadError(message) from None
    return network.eval()


def digest_recipe(recipe: Mapping[str, object]) -> str:
    """Return the sha256 of a recipe that does not hold it yet."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()


def _check_sizes(fossils: list[Mapping[str, Any]], weights: Mapping[str, Tensor]) -> None:
    """Count the weights of seeds before they take memory.

    Raises:
        RuntimeError: If there are more than the file holds.
    """
    held = sum(tensor.numel() for tensor in weights.values())
    with torch.device("meta"):
        told = sum(one.numel() for fossil in fossils for one in _build(fossil).parameters())
    if told > held:
        message = f"seeds of {told} weights where the file holds {held}"
        raise RuntimeError(message)


def _grow(network: nn.Module, fossil: Mapping[str, Any]) -> None:
    """Put a seed where it was.

    Raises:
        ValueError: If its influence is none.
    """
    alpha = fossil["alpha"]
    if not 0 < alpha <= 1:
        message = f"alpha {alpha} for {fossil['slot_id']}, not in (0, 1]"
        raise ValueError(message)
    grow_module(network, fossil["path"], _build(fossil), Algorithm(fossil["algorithm"]), alpha)


def _build(fossil: Mapping[str, Any]) -> SeedModule:
    """Build the module of a seed.

    Raises:
        LoadError: If this version has no such blueprint.
    """
    blueprint, topology = fossil["blueprint"], fossil["topology"]
    if blueprint not in BODIES.get(topology, {}):
        message = (
            f"blueprint of slot {fossil['slot_id']} must be one this version has for {topology} "
            f"features, got {blueprint}"
        )
        raise LoadError(message)
    return build_seed(
        blueprint,
        Topology(topology),
        fossil["channels"],
        is_causal=fossil["is_causal"],
        is_gated=Algorithm(fossil["algorithm"]) == Algorithm.GATE,
        dtype=DTYPES[fossil["dtype"]],
    )


def _check_types(network: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Check the precision of a host, which would take weights of another and round them.

    Raises:
        RuntimeError: If a tensor is of another dtype, as for one of another shape.
    """
    for name, built in network.state_dict().items():
        if name in weights and built.dtype != weights[name].dtype:
            message = f"{built.dtype} instead of {weights[name].dtype} for {name}"
            raise RuntimeError(message)


def _fill(network: nn.Module, weights: Mapping[str, Tensor], non_persistent: list[str]) -> None:
    """Load the state, and the buffers that are no part of it but may have been trained as well."""
    state = {name: tensor for name, tensor in weights.items() if name not in non_persistent}
    network.load_state_dict(state)
    for name in non_persistent:
        path, _, leaf = name.rpartition(".")
        network.get_submodule(path).register_buffer(leaf, weights[name], persistent=False)


def _lay_out(network: nn.Module, strides: Mapping[str, list[int]]) -> None:
    """Lay tensors out in memory as they were: in channels_last a convolution sums otherwise."""
    for name, stride in strides.items():
        path, _, leaf = name.rpartition(".")
        tensor: Tensor = getattr(network.get_submodule(path), leaf)
        laid_out = torch.empty_strided(
            tensor.shape, stride, dtype=tensor.dtype, device=tensor.device
        )
        tensor.data = laid_out.copy_(tensor)


def _read_recipe(path: Path) -> dict[str, Any]:
    try:
        recipe: Any = json.loads(_read_bytes(path))
    except (RecursionError, ValueError) as error:
        message = (
            f"{path} must be a whole JSON object, got {error}: truncated or altered, export again"
        )
        raise LoadError(message) from None
    found = recipe.get("format") if isinstance(recipe, dict) else None
    if found != GROWTH_FORMAT:
        message = (
            f"format of {path} must be {GROWTH_FORMAT}, got {found!r}: load it with the Tamiyo "
            "that wrote it, or export again"
        )
        raise LoadError(message)
    digest = recipe.pop("recipe_sha256", None)
    if digest != digest_recipe(recipe):
        message = f"{path} must match its own recipe_sha256, got {digest}: altered, export again"
        raise LoadError(message)
    if lacking := sorted(_FIELDS - recipe.keys()):
        message = f"{path} must say what an export says, got no {', '.join(lacking)}: export again"
        raise LoadError(message)
    checked: dict[str, Any] = recipe
    return checked


def _read_weights(path: Path, digest: str) -> dict[str, Tensor]:
    content = _read_bytes(path)
    found = hashlib.sha256(content).hexdigest()
    if found != digest:
        message = (
            f"{path} must have the sha256 {digest} that its recipe names, got {found}: the file "
            "is truncated or altered, export again"
        )
        raise LoadError(message)
    try:
        return read_tensors(content)
    except _DAMAGES as error:
        message = f"{path} must be in the safetensors format, got a file whose {error}"
        raise LoadError(message) from None


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        message = f"{path} must be a readable file of an export, got {error.strerror}"
        raise LoadError(message) from None
