from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

from tamiyo.engine.workers.shared_arrays import ArrayField, SharedArrays
from tests.support.shards import wait_until

FIELDS = (
    ArrayField(name="mask", shape=(3, 5), dtype="bool"),
    ArrayField(name="loss", shape=(), dtype="float64"),
    ArrayField(name="none", shape=(0,), dtype="float32"),
    ArrayField(name="observation", shape=(7,), dtype="float32"),
)


@pytest.fixture
def shared():
    arrays = SharedArrays.create(FIELDS, rows=3)
    yield arrays
    arrays.unlink()


def fill(arrays):
    for number, view in enumerate(arrays.views.values()):
        view[...] = np.arange(view.size).reshape(view.shape) + number


def test_arrays_have_a_row_per_environment_and_begin_as_zeros(shared):
    found = {name: (view.shape, view.dtype.name) for name, view in shared.views.items()}
    assert found == {field.name: ((3, *field.shape), field.dtype) for field in FIELDS}
    assert not any(view.any() for view in shared.views.values())


def test_arrays_do_not_overlap_and_are_aligned(shared):
    fill(shared)
    assert shared.views["mask"].sum() == 44  # all but the first, which is zero
    assert np.array_equal(shared.views["loss"], [1.0, 2.0, 3.0])
    assert np.array_equal(shared.views["observation"].ravel(), np.arange(21) + 3)
    assert all(view.ctypes.data % 64 == 0 for view in shared.views.values() if view.size)


def test_what_was_pickled_looks_at_the_same_memory(shared):
    other = pickle.loads(pickle.dumps(shared))
    fill(other)
    for name, view in shared.views.items():
        assert np.array_equal(view, other.views[name])
        assert not np.may_share_memory(view, other.views[name])


def test_unlinking_removes_the_block_once_and_can_be_repeated(blocks):
    arrays = SharedArrays.create(FIELDS, rows=1)
    assert blocks.list_left() == [arrays.name]
    arrays.unlink()
    arrays.unlink()
    assert blocks.list_left() == []


def test_an_array_that_is_still_held_keeps_its_numbers():
    arrays = SharedArrays.create(FIELDS, rows=2)
    fill(arrays)
    held = arrays.views["observation"][1]
    arrays.unlink()
    del arrays
    assert np.array_equal(held, np.arange(7, 14) + 3)


def test_no_fields_are_no_problem():
    arrays = SharedArrays.create((), rows=4)
    assert dict(arrays.views) == {}
    arrays.unlink()


def test_a_process_that_forgets_to_unlink_leaves_nothing_behind(blocks):
    code = (
        "from tests.support.shards import ENCODING;"
        "from tamiyo.engine import SharedArrays;"
        "print(SharedArrays.create(ENCODING.fields, rows=2).name)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    blocks.names.append(run.stdout.strip())
    assert blocks.names[0].startswith("psm_")
    wait_until(lambda: blocks.list_left() == [])
