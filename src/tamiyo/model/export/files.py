"""Write a grown network as data, with the code that builds it again from PyTorch alone.

An export is ``weights.safetensors``, ``growth.json`` and ``network/``, a copy of
``tamiyo.model.modules``. No pickle is written or read.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

import torch
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from tamiyo.contracts import ArtifactError
from tamiyo.model.blueprints import name_algorithm
from tamiyo.model.export.grown import detach, list_fossils, order_for_growth
from tamiyo.model.host import count_trainable
from tamiyo.model.modules import (
    DTYPES,
    GROWTH_FORMAT,
    RECIPE_FILE,
    WEIGHTS_FILE,
    LoadError,
    digest_recipe,
    load_network,
    loading,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tamiyo.model.export.grown import Fossil
    from tamiyo.model.host import TamiyoModel

__all__ = ["check_exportable", "load_export", "save_export", "write_atomically"]

_CODE_FOLDER: Final = "network"
_DTYPE_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}


def check_exportable(host: nn.Module) -> None:
    """Refuse a host whose state an export cannot hold; training and growing change nothing there.

    Args:
        host: The host, bare or with slots.

    Raises:
        ArtifactError: If its state is more than plain tensors of common dtypes.
    """
    for name, value in host.state_dict().items():
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            message = (
                "state of the host must be plain tensors to be exported, got "
                f"{type(value).__name__} {name}: keep it out of the host's state_dict"
            )
            raise ArtifactError(message)
        if value.dtype not in _DTYPE_NAMES:
            message = (
                f"tensors of the host must be of a common dtype to be exported, got {value.dtype} "
                f"for {name}: keep it in real numbers, or out of the host's state_dict"
            )
            raise ArtifactError(message)


def save_export(
    model: TamiyoModel, folder: Path | str, *, host: Mapping[str, object] | None = None
) -> None:
    """Write the committed network of a model.

    Written are its parameters and buffers, those that are no part of its ``state_dict`` too as far
    as they are plain tensors of common dtypes. What it keeps in other attributes is left to the
    code that builds the host again.

    Args:
        model: The model; uncommitted seeds are left out.
        folder: Folder to write the two files and the folder of code into; made if it is not there.
        host: How the host is built, as JSON values; handed to the builder when loading. If not
            given, the name of its class.

    Raises:
        ArtifactError: If the network cannot be exported, as :func:`check_exportable` says, or the
            folder cannot be written.
        ConfigError: If ``model`` is no model.
    """
    network = detach(model)
    check_exportable(network)
    state: dict[str, Tensor] = {name: value.cpu() for name, value in network.state_dict().items()}
    others = _list_non_persistent(network, state)
    # Cloned, since safetensors refuses tensors that share memory, as tied weights do.
    weights = save_tensors(
        {
            name: tensor.clone(memory_format=torch.contiguous_format)
            for name, tensor in {**state, **others}.items()
        }
    )
    kind = type(model.host)
    name = {"class": f"{kind.__module__}.{kind.__qualname__}"}
    recipe: dict[str, object] = {
        "format": GROWTH_FORMAT,
        "host": json.loads(json.dumps(name if host is None else dict(host))),
        "host_parameters": model.host_parameters,
        "parameters": count_trainable(network),
        "fossils": [_encode_fossil(fossil) for fossil in order_for_growth(list_fossils(model))],
        "non_persistent": sorted(others),
        "strides": _find_strides(state),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    recipe["recipe_sha256"] = digest_recipe(recipe)
    _write(Path(folder), weights, json.dumps(recipe, indent=2).encode() + b"\n")


def load_export(
    folder: Path | str, build_host: Callable[[Mapping[str, object]], nn.Module]
) -> nn.Module:
    """Build a grown network again, without the run that grew it.

    The copy of the code in the export is not read; where Tamiyo is not installed, it does the same.

    Args:
        folder: Where :func:`save_export` wrote.
        build_host: Builds the bare host from the recipe's ``host``; its weights do not matter.

    Returns:
        The network on the CPU, in evaluation mode; its outputs equal the exported ones bit for bit
        on the same input, machine, number of threads and release of PyTorch.

    Raises:
        ArtifactError: If a file is missing, truncated, altered or of another format, or the host
            built is not the exported one.
    """
    try:
        return load_network(folder, build_host)
    except LoadError as error:
        raise ArtifactError(str(error)) from None


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all, even where power fails."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name is on the disk, too
    finally:
        os.close(folder)


def _list_non_persistent(network: nn.Module, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """List the buffers outside the state that an export can hold: training may change them too."""
    return {
        name: buffer.cpu()
        for name, buffer in network.named_buffers(remove_duplicate=False)
        if name not in state and buffer.layout == torch.strided and buffer.dtype in _DTYPE_NAMES
    }


def _write(folder: Path, weights: bytes, recipe: bytes) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(folder / WEIGHTS_FILE, weights)
        _copy_code(folder / _CODE_FOLDER)
        write_atomically(folder / RECIPE_FILE, recipe)
    except OSError as error:
        message = f"folder of an export must be writable, got {folder}: {error.strerror}"
        raise ArtifactError(message) from None


def _find_strides(tensors: Mapping[str, Tensor]) -> dict[str, list[int]]:
    """Return the strides of tensors that do not lie row by row, as after ``channels_last``."""
    laid_out = {name: torch.empty_like(tensor, device="meta") for name, tensor in tensors.items()}
    return {
        name: list(tensor.stride())
        for name, tensor in laid_out.items()
        if tensor.stride() != torch.empty(tensor.shape, device="meta").stride()
    }


def _copy_code(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    for path in sorted(Path(loading.__file__).parent.glob("*.py")):
        write_atomically(folder / path.name, path.read_bytes())


def _encode_fossil(fossil: Fossil) -> dict[str, object]:
    shape = fossil.shape
    return {
        "slot_id": fossil.slot_id,
        "path": fossil.path,
        "seed_id": fossil.seed_id,
        "blueprint": fossil.blueprint.name,
        "style": fossil.style.name,
        "algorithm": name_algorithm(fossil.style.algorithm).value,
        "alpha": fossil.alpha,
        "topology": shape.topology.value,
        "channels": shape.channels,
        "is_causal": shape.is_causal,
        "dtype": _DTYPE_NAMES[shape.dtype],
    }
