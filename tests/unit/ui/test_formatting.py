from __future__ import annotations

import pytest

from tamiyo.ui.formatting import format_count, format_growth, format_si


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
