from __future__ import annotations

from itertools import product

import pytest
import torch

from tamiyo.engine.batched.layers.geometry import Geometry, find_taps

GEOMETRIES = [
    Geometry(
        inputs=1,
        outputs=1,
        size=(3, 4),
        kernel=(3, 2),
        stride=stride,
        padding=padding,
        dilation=dilation,
    )
    for stride, padding, dilation in product(
        ((1, 1), (2, 1)), ((0, 0), (1, 1), (4, 3)), ((1, 1), (1, 2))
    )
]


def look(geometry, axis, place, tap):
    """Say where a tap of a place that goes out looks along an axis."""
    return place * geometry.stride[axis] + tap * geometry.dilation[axis] - geometry.padding[axis]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_taps_are_found_where_the_definition_has_them(geometry):
    shape = (*geometry.output_size, *geometry.size)
    expected = torch.full(shape, 6)
    for high, wide, row, column in product(
        *map(range, geometry.output_size), *map(range, geometry.kernel)
    ):
        seen = look(geometry, 0, high, row), look(geometry, 1, wide, column)
        if all(0 <= place < size for place, size in zip(seen, geometry.size, strict=True)):
            expected[high, wide, seen[0], seen[1]] = 2 * row + column
    assert torch.equal(find_taps(geometry, torch.device("cpu")).view(shape), expected)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_a_column_of_the_kernel_reads_and_writes_as_the_definition_says(geometry):
    places = range(geometry.output_size[1])
    for column, (read, write) in enumerate(geometry.spans()):
        seen = [(look(geometry, 1, place, column), place) for place in places]
        inside = [(at, place) for at, place in seen if 0 <= at < geometry.size[1]]
        found = zip(range(geometry.size[1])[read], places[write], strict=True)
        assert list(found) == inside


def test_along_the_height_a_map_has_one_column():
    geometry = GEOMETRIES[0].along_height()
    assert (geometry.size, geometry.kernel, geometry.output_size) == ((3, 1), (3, 1), (1, 1))
