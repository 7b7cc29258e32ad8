"""The reader of tensors: what the library writes comes back; what is not whole is refused."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save

from tamiyo.model.modules import DTYPES, read_tensors


def write(header, numbers=b""):
    encoded = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(encoded).to_bytes(8, "little") + encoded + numbers


def entry(begin=0, end=8, *, dtype="F32", shape=(2,)):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}


@pytest.mark.parametrize("dtype", DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(), (1,), (0, 3), (2, 3, 5)], ids=str)
def test_what_the_library_writes_is_read_bit_for_bit(dtype, shape):
    drawn = (torch.arange(30).remainder(7) - 3)[: torch.Size(shape).numel()].reshape(shape)
    tensors = {"b": drawn.to(dtype), "a": torch.ones(3, dtype=torch.uint8)}
    found = read_tensors(save(tensors))
    assert set(found) == {"a", "b"}
    for name, tensor in tensors.items():
        assert (found[name].dtype, found[name].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(found[name], tensor)


def test_metadata_is_passed_over_and_no_tensor_is_none():
    assert read_tensors(save({"a": torch.ones(2)}, {"by": "someone"})).keys() == {"a"}
    assert read_tensors(save({})) == {}


def test_the_tensors_are_writable_and_share_nothing():
    content = save({"a": torch.zeros(2), "b": torch.zeros(2)})
    one = read_tensors(content)
    one["a"].add_(1)
    assert not one["b"].any()
    assert not read_tensors(content)["a"].any()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "header must end within the file's 0 bytes, got an end at 8"),
        (b"\x02\x00", "header must end within the file's 2 bytes, got an end at 10"),
        ((99).to_bytes(8, "little") + b"{}", "within the file's 10 bytes, got an end at 107"),
        (b"\xff" * 8 + b"{}", "within the file's 10 bytes, got an end at 1844"),
        (write(b"{"), "Expecting property name"),
        (write(b"\xff\xfe"), "Expecting value"),
        (write([1]), r"header must be a JSON object, got \[1\]"),
        (write(3), "header must be a JSON object, got 3"),
    ],
)
def test_a_header_that_is_none_is_refused(content, reason):
    with pytest.raises(ValueError, match=reason):
        read_tensors(content)


@pytest.mark.parametrize(
    "wrong",
    [
        3,
        {},
        entry(dtype="F8_E4M3"),
        entry(dtype=[]),
        entry(shape=(3,)),
        entry(shape=(-2,)),
        entry(shape=(2.0,)),
        entry(shape=(True, 2)),
        entry(0, 4),
        entry(8, 0),
        entry(-8, 0),
        entry() | {"data_offsets": [0]},
        entry() | {"data_offsets": 8},
        entry() | {"shape": 2},
    ],
    ids=str,
)
def test_an_entry_that_does_not_fit_is_refused(wrong):
    with pytest.raises(ValueError, match=r"a must have a dtype of F64, .* and a span to fit, got "):
        read_tensors(write({"a": wrong}, bytes(8)))


@pytest.mark.parametrize(
    ("header", "size", "reason"),
    [
        ({"a": entry()}, 7, "must be 8 bytes as the header says, got 7"),
        ({"a": entry()}, 9, "must be 8 bytes as the header says, got 9"),
        ({"a": entry(8, 16)}, 16, "without gap or overlap, got 8 after 0"),
        ({"a": entry(), "b": entry(4, 12)}, 12, "without gap or overlap, got 4 after 8"),
        ({"a": entry(), "b": entry(0, 8)}, 8, "without gap or overlap, got 0 after 8"),
        ({}, 1, "must be 0 bytes as the header says, got 1"),
    ],
)
def test_numbers_that_are_not_those_of_the_header_are_refused(header, size, reason):
    with pytest.raises(ValueError, match=reason):
        read_tensors(write(header, bytes(size)))
