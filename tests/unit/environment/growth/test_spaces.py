"""The box of an observation holds every value, code and zero that can stand there."""

from __future__ import annotations

import numpy as np

from tamiyo.environment.growth.spaces import build_observation_space
from tamiyo.observation import build_layout


def test_codes_for_what_is_unknown_and_zeros_are_inside():
    layout = build_layout(2, telemetry=True)
    space = build_observation_space(layout)
    codes = [0.0 if field.unknown is None else field.unknown for field in layout.fields]
    for values in (codes, [0.0] * layout.size, [field.high for field in layout.fields]):
        assert space.contains(np.array(values, np.float32))
    assert space.shape == (layout.size,)
