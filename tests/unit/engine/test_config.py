from __future__ import annotations

import pytest

from tamiyo.contracts import ConfigError
from tamiyo.engine import EngineConfig, EngineKind, GovernorConfig


@pytest.mark.parametrize("min_epochs", [1, 21])
def test_a_window_that_can_never_be_judged_is_refused(min_epochs):
    with pytest.raises(ConfigError, match=rf"\[2, window_epochs = 20\], got {min_epochs}"):
        GovernorConfig(window_epochs=20, min_epochs=min_epochs)


@pytest.mark.parametrize("factor", [0.0, -0.5, float("nan")])
def test_a_seed_learning_rate_factor_that_is_not_positive_is_refused(factor):
    with pytest.raises(ConfigError, match=f"must be positive, got {factor}"):
        EngineConfig(seed_learning_rate_factor=factor)


def test_an_empty_parameter_budget_is_refused():
    with pytest.raises(ConfigError, match="max_parameters must be at least 1, got 0"):
        EngineConfig(max_parameters=0)


def test_the_defaults_are_accepted():
    assert EngineConfig().max_parameters is None


@pytest.mark.parametrize("name", ["spike_deviations", "spike_factor", "spike_initial_fraction"])
@pytest.mark.parametrize("limit", [0.0, -1.0, float("inf"), float("nan")])
def test_a_spike_limit_that_is_no_positive_number_is_refused(name, limit):
    with pytest.raises(ConfigError, match=f"{name} must be positive, got {limit}"):
        GovernorConfig(**{name: limit})


def test_an_engine_goes_by_its_word_and_an_unknown_one_is_refused():
    assert EngineConfig(engine="batched").engine == EngineKind.BATCHED
    with pytest.raises(ConfigError, match="one of auto, sequential, batched, got 'fast'"):
        EngineConfig(engine="fast")
