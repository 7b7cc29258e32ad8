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
from tamiyo.model.export.grown import detach, list_fossils
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

__all__ = ["load_export", "save_export", "write_atomically"]

_CODE_FOLDER: Final = "network"
_DTYPE_NAMES: Final = {dtype: name for name, dtype in DTYPES.items()}


def save_export(model: TamiyoModel, folder: Path, *, host: Mapping[str, object]) -> None:
    """Write the committed network of a model.

    Args:
        model: The model; uncommitted seeds are left out.
        folder: Existing folder to write the two files and the folder of code into.
        host: How the host is built, as JSON values; handed to the builder when loading.

    Raises:
        ArtifactError: If the network's state is more than plain tensors.
    """
    network = detach(model)
    tensors = _collect_tensors(network)
    # Cloned, since safetensors refuses tensors that share memory, as tied weights do.
    weights = save_tensors(
        {
            name: tensor.clone(memory_format=torch.contiguous_format)
            for name, tensor in tensors.items()
        }
    )
    recipe: dict[str, object] = {
        "format": GROWTH_FORMAT,
        "host": dict(host),
        "host_parameters": model.host_parameters,
        "parameters": count_trainable(network),
        "fossils": [_encode_fossil(fossil) for fossil in list_fossils(model)],
        "strides": _find_strides(tensors),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
    }
    recipe["recipe_sha256"] = digest_recipe(recipe)
    write_atomically(folder / WEIGHTS_FILE, weights)
    _copy_code(folder / _CODE_FOLDER)
    write_atomically(folder / RECIPE_FILE, json.dumps(recipe, indent=2).encode() + b"\n")


def load_export(folder: Path, build_host: Callable[[Mapping[str, object]], nn.Module]) -> nn.Module:
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
    """Write a file so that it is there whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    partial.replace(path)


def _collect_tensors(network: nn.Module) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for name, value in network.state_dict().items():
        if not isinstance(value, Tensor) or value.layout != torch.strided:
            message = f"state of the host must be plain tensors, got {type(value).__name__} {name}"
            raise ArtifactError(message)
        if value.dtype not in _DTYPE_NAMES:
            message = f"tensors of the host must be of a common dtype, got {value.dtype} for {name}"
            raise ArtifactError(message)
        tensors[name] = value.cpu()
    return tensors


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
