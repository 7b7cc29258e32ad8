from __future__ import annotations

import pytest

from tamiyo.contracts import InvariantError
from tamiyo.recipes.comparison.measured import require_measured


def test_what_was_measured_is_returned_and_nothing_is_not():
    assert require_measured(0.0) == 0.0
    with pytest.raises(InvariantError, match=r"must have a test split .* got neither"):
        require_measured(None)
