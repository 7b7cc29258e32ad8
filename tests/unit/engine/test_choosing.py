from __future__ import annotations

import pytest

from tamiyo.contracts import ConfigError
from tamiyo.engine import EngineKind, SequentialPopulation, build_population
from tests.support.tasks import WAIT, make_member


@pytest.mark.parametrize("kind", [EngineKind.AUTO, EngineKind.SEQUENTIAL])
def test_what_works_for_every_host_is_chosen(kind):
    members = [make_member(), make_member(environment=1)]
    choice = build_population(members, kind)
    assert isinstance(choice.population, SequentialPopulation)
    assert choice.kind == EngineKind.SEQUENTIAL
    assert choice.reason
    assert [step.measured.epoch for step in choice.population.step([WAIT, WAIT])] == [1, 1]


def test_what_cannot_train_the_environments_is_refused():
    with pytest.raises(ConfigError, match=r"engine must be auto or sequential .* got batched"):
        build_population([make_member()], EngineKind.BATCHED)
