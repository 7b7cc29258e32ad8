"""Read tensors written in the safetensors format, without its library.

A file is the length of its header in 8 bytes, the header as JSON (name to dtype, shape and the
span of its numbers) and the numbers, row by row and little-endian, without gaps:
https://huggingface.co/docs/safetensors. Nothing in it is ever executed.
"""

from __future__ import annotations

import json
import math
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DTYPES", "read_tensors"]

DTYPES: Final[Mapping[str, torch.dtype]] = MappingProxyType(
    {
        "F64": torch.float64,
        "F32": torch.float32,
        "F16": torch.float16,
        "BF16": torch.bfloat16,
        "I64": torch.int64,
        "I32": torch.int32,
        "I16": torch.int16,
        "I8": torch.int8,
        "U8": torch.uint8,
        "BOOL": torch.bool,
    }
)
"""Names of dtypes in the format; there are others, which no export holds."""

_LENGTH_BYTES: Final = 8


def read_tensors(content: bytes) -> dict[str, Tensor]:
    """Read every tensor of a file.

    Args:
        content: The whole file.

    Returns:
        Name to tensor, on the CPU and independent of ``content``.

    Raises:
        ValueError: If the content is not of the format, holds another dtype than those of
            ``DTYPES``, or its numbers are not exactly those the header describes.
    """
    start = _LENGTH_BYTES + int.from_bytes(content[:_LENGTH_BYTES], "little")
    if not _LENGTH_BYTES < start <= len(content):
        message = f"header must end within the file's {len(content)} bytes, got an end at {start}"
        raise ValueError(message)
    header = json.loads(content[_LENGTH_BYTES:start])
    if type(header) is not dict:
        message = f"header must be a JSON object, got {header!r}"
        raise ValueError(message)
    header.pop("__metadata__", None)
    spans = {name: _check_entry(name, entry) for name, entry in header.items()}
    _check_coverage(spans, len(content) - start)
    numbers = memoryview(content)[start:]
    return {
        name: _read(numbers[begin:end], DTYPES[header[name]["dtype"]], header[name]["shape"])
        for name, (begin, end) in spans.items()
    }


def _check_entry(name: str, entry: Any) -> tuple[int, int]:  # noqa: ANN401  # any JSON value
    """Return the span of a tensor's numbers.

    Raises:
        ValueError: If the entry is incomplete or the span does not fit the dtype and shape.
    """
    try:
        dtype, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        are_counts = all(type(count) is int and count >= 0 for count in (*shape, begin, end))
        fits = are_counts and end - begin == math.prod(shape) * DTYPES[dtype].itemsize
    except (KeyError, TypeError, ValueError):
        fits = False
    if not fits:
        message = f"{name} must have a dtype of {', '.join(DTYPES)} and a span to fit, got {entry}"
        raise ValueError(message)
    return begin, end


def _check_coverage(spans: Mapping[str, tuple[int, int]], size: int) -> None:
    """Check that the spans lie one behind the other and fill the file.

    Raises:
        ValueError: If they leave a gap, overlap or end elsewhere.
    """
    reached = 0
    for begin, end in sorted(spans.values()):
        if begin != reached:
            message = f"numbers must follow without gap or overlap, got {begin} after {reached}"
            raise ValueError(message)
        reached = end
    if reached != size:
        message = f"numbers must be {reached} bytes as the header says, got {size}"
        raise ValueError(message)


def _read(numbers: memoryview, dtype: torch.dtype, shape: list[int]) -> Tensor:
    if not numbers:  # of which frombuffer makes no tensor
        return torch.empty(shape, dtype=dtype)
    # A copy of its own is writable, as PyTorch demands, and begins where its dtype needs it to.
    return torch.frombuffer(bytearray(numbers), dtype=dtype).reshape(shape)
