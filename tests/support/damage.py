"""Damage whole artefacts as disks, editors and strangers do, and see how they are met."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from tamiyo.contracts import TamiyoError

__all__ = ["ODD_VALUES", "damaged_bytes", "damaged_values", "encode_deeply", "meet", "snapshot"]

DEEP = 100_000
ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from(
        [0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**12, 10**30, 0.0, -0.5, 1e308, 1e-320]
    ),
    st.sampled_from([float("nan"), float("inf"), float("-inf")]),
    st.sampled_from(
        ["", "NaN", "Infinity", "\x00", "\ud800", "\x1b[2J", "../..", "a\nb", "x" * 999]
    ),
    st.sampled_from([[], {}, [[]], [{}], {"": {}}, [None], [1, "a"], {"name": 1}]),
    st.text(max_size=8),
    st.integers(),
    st.floats(),
)
"""Values that no field was made for."""


def _paths(value, prefix=()):
    """Give the place of every value within a JSON value, the whole first."""
    yield prefix
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _paths(item, (*prefix, key))


def _change(value, path, change):
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _change(copy[path[0]], path[1:], change)
    return copy


def _drop(value, key):
    if isinstance(value, dict):
        return {name: item for name, item in value.items() if name != key}
    return [item for index, item in enumerate(value) if index != key]


@st.composite
def damaged_values(draw, value, *, most=3):
    """Draw a JSON value with one to ``most`` of its parts replaced, dropped, added or swapped."""
    for _ in range(draw(st.integers(1, most))):
        paths = list(_paths(value))
        path = draw(st.sampled_from(paths))
        kind = draw(st.sampled_from(["replace", "drop", "add", "copy"]))
        if kind == "drop" and path:
            value = _change(value, path[:-1], lambda holder, key=path[-1]: _drop(holder, key))
        elif kind == "copy":
            other = value
            for key in draw(st.sampled_from(paths)):
                other = other[key]
            value = _change(value, path, lambda _, other=other: other)
        else:
            odd = draw(ODD_VALUES)
            value = _change(value, path, lambda old, odd=odd, kind=kind: _put(old, odd, kind))
    return value


def _put(old, odd, kind):
    if kind == "add" and isinstance(old, dict):
        return {**old, "unheard_of": odd}
    return [*old, odd] if kind == "add" and isinstance(old, list) else odd


@st.composite
def damaged_bytes(draw, content):
    """Draw the bytes of a file that were cut, flipped, filled, doubled or written into."""
    at = draw(st.integers(0, len(content)))
    to = min(len(content), at + draw(st.integers(1, 64)))
    kind = draw(st.sampled_from(["cut", "behead", "flip", "zero", "insert", "take out", "double"]))
    if kind == "cut":
        return content[:at]
    if kind == "behead":
        return content[at:]
    if kind == "flip":
        return content[:at] + bytes(255 - byte for byte in content[at:to]) + content[to:]
    if kind == "zero":
        return content[:at] + bytes(to - at) + content[to:]
    if kind == "insert":
        return content[:at] + draw(st.binary(min_size=1, max_size=16)) + content[at:]
    return content[:at] + content[to:] if kind == "take out" else content + content[at:]


def encode_deeply(key=None):
    """Write JSON that is nested deeper than any reader can follow."""
    deep = "[" * DEEP + "]" * DEEP
    return deep if key is None else f"{{{json.dumps(key)}: {deep}}}"


def meet(call, *args, **kwargs):
    """Return what a call gives, or its refusal: an error of ours, in one line."""
    try:
        return call(*args, **kwargs)
    except TamiyoError as error:
        message = " ".join(str(error).split())
        assert message
        message.encode("utf-8", errors="backslashreplace")
        return error


def snapshot(folder):
    """Return the content of every file in a folder by name."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.is_symlink()
    }
