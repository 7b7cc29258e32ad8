from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.ui.formatting import (
    format_count,
    format_difference,
    format_growth,
    format_like,
    format_si,
)
from tests.support.reports import build_gain


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (12, "12"), (8_234, "8,234"), (99_999, "99,999"), (100_000, "100k")],
)
def test_a_count_is_written_out_until_it_is_long(count, text):
    assert format_count(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (999, "999"),
        (1_000, "1.00k"),
        (9_996, "10.0k"),
        (99_960, "100k"),
        (999_500, "1.00M"),
        (74_400_000_000, "74.4G"),
        (1.2e15, "1.20P"),
        (1.2e22, "12000E"),
    ],
)
def test_a_long_count_has_three_digits_and_a_prefix(count, text):
    assert format_si(count) == text


@pytest.mark.parametrize(
    ("parameters", "text"),
    [(8_234, "+0.0 %"), (8_554, "+3.9 %"), (9_142, "+11 %"), (16_468, "+100 %"), (8_000, "-2.8 %")],
)
def test_growth_is_in_percent_of_the_host(parameters, text):
    assert format_growth(parameters, 8_234) == text


@pytest.mark.parametrize(("error", "text"), [(0.5, "+2.0 ± 0.5"), (None, "+2.0 ± ?")])
def test_a_difference_has_its_error_if_it_is_known(error, text):
    assert format_difference(build_gain(2.0, points_error=error), "±") == text


@pytest.mark.parametrize(
    ("value", "size", "text"),
    [
        (2.3, 2.3, "2.300"),
        (0.455, 2.3, "0.455"),
        (0.0123, 0.0339, "0.01230"),
        (0.0051, 250.0, "0.005"),
        (250.0, 250.0, "250.000"),
        (1625.93, 12_345.0, "1625.9"),
        (1.2e-5, 1.0e-5, "1.2e-05"),
        (123_456_789.0, 2.3, "1.235e+08"),
        (2.3, 0.0, "2.300"),
        (2.3, math.nan, "2.300"),
        (math.inf, math.inf, "inf"),
        (math.nan, 2.3, "nan"),
    ],
)
def test_a_number_has_the_decimals_that_its_size_asks_for(value, size, text):
    assert format_like(value, size) == text


@given(st.floats(1e-8, 1e12), st.floats(0, 1))
def test_a_thousandth_of_the_size_is_always_seen(size, share):
    assert float(format_like(share * size, size)) == pytest.approx(share * size, abs=size / 1000)
