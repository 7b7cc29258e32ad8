"""Hosts of several structures side by side are what they are alone."""

from __future__ import annotations

from tamiyo.engine import EngineKind, build_population
from tamiyo.engine.populations import MixedPopulation
from tests.support.populations import assert_bytes_equal, make_batched
from tests.support.tasks import (
    TINY,
    WAIT,
    build_noisy_host,
    build_tiny_data,
    build_tiny_host,
    germinate,
    make_member,
)

HOSTS = [build_noisy_host, build_tiny_host, build_tiny_host, build_noisy_host]
DATA = build_tiny_data()


def build_mixed():
    members = [
        make_member(host, environment=index, data=DATA, check_invariants=False)
        for index, host in enumerate(HOSTS)
    ]
    return members, build_population(members, EngineKind.BATCHED).population


def live(population, commands):
    """Two epochs, the closing ones, and what is committed."""
    results = [population.step(commands), population.step([WAIT] * len(commands))]
    population.begin_closing()
    results.extend(population.step([None] * len(commands)) for _ in range(TINY.closing_epochs))
    judged = population.judge()
    population.close()
    return results, judged


def test_each_structure_gives_the_bytes_it_gives_alone():
    members, mixed = build_mixed()
    assert isinstance(mixed, MixedPopulation)
    commands = [WAIT, germinate(), WAIT, germinate("r0c2")]
    results, judged = live(mixed, commands)
    for host in (build_tiny_host, build_noisy_host):
        places = [place for place, own in enumerate(HOSTS) if own is host]
        alone = make_batched(places, host, data=DATA)
        own_results, own_judged = live(alone, [commands[place] for place in places])
        for step, own_step in zip(results, own_results, strict=True):
            assert [step[place] for place in places] == own_step
        assert [judged[place] for place in places] == own_judged
        for place, member in zip(places, alone.members, strict=True):
            assert_bytes_equal(members[place], member)


def test_what_environments_were_before_stands_in_their_order():
    _, mixed = build_mixed()
    assert [start.host.environment for start in mixed.initial] == [0, 1, 2, 3]
