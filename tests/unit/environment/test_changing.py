"""Single settings by name."""

from __future__ import annotations

import pytest

from tamiyo.contracts import ConfigError, UnknownNameError
from tamiyo.environment import SurrogateConfig
from tamiyo.environment.changing import change_config


def test_a_field_is_replaced_and_all_others_stay():
    assert change_config(SurrogateConfig(), {"slots": 5}) == SurrogateConfig(slots=5)
    assert change_config(SurrogateConfig(slots=2), {}) == SurrogateConfig(slots=2)


def test_an_unknown_one_is_refused_with_those_there_are():
    with pytest.raises(UnknownNameError, match=r"setting of SurrogateConfig .* got 'size'"):
        change_config(SurrogateConfig(), {"size": 3})


def test_a_value_is_checked_as_ever():
    with pytest.raises(ConfigError, match="slots must be at least 1, got 0"):
        change_config(SurrogateConfig(), {"slots": 0})
