from __future__ import annotations

import os
import signal
from dataclasses import replace
from multiprocessing import active_children

import numpy as np
import pytest

from tamiyo.contracts import ConfigError, ShapeError, SlotIdError, WorkerError
from tamiyo.engine import WorkerPopulation
from tests.support.shards import (
    ENCODING,
    Ailing,
    Remembering,
    build_shard,
    encode_losses,
    list_actions,
    list_commands,
    wait_until,
)
from tests.support.tasks import WAIT, ListSink, germinate

KEYS = [(0, 3), (0, 4), (0, 5), (1, 0), (1, 1)]
OTHER_KEYS = [(seed + 7, environment) for seed, environment in KEYS]
EPOCHS = 6
CLOSED = [None] * len(KEYS)


def live(population, keys=KEYS):
    """A whole episode; everything that can be seen of it."""
    steps = [population.step(list_commands(keys, epoch)) for epoch in range(EPOCHS)]
    population.begin_closing()
    steps.extend(population.step(CLOSED) for _ in range(3))
    return [list(population.initial), *steps, population.judge()]


def live_alone(keys=KEYS):
    sink = ListSink()
    return live(build_shard(keys, sink), keys), sink.events


@pytest.fixture(scope="module")
def alone():
    return live_alone()


@pytest.fixture(scope="module")
def sink():
    return ListSink()


@pytest.fixture(scope="module")
def open_population(sink):
    encoding = replace(ENCODING, encode=Remembering())
    with WorkerPopulation(build_shard, KEYS, workers=2, sink=sink, encoding=encoding) as population:
        yield population


@pytest.fixture
def pair(open_population, sink):
    """Two workers at the beginning of an episode."""
    sink.events.clear()
    open_population.restart(KEYS)
    return open_population


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 3])
def test_workers_give_the_same_bytes_as_one_process(alone, workers):
    sink = ListSink()
    with WorkerPopulation(build_shard, KEYS, workers=workers, sink=sink) as population:
        assert len(population.process_ids) == workers
        assert (live(population), sink.events) == alone


def test_two_workers_with_uneven_shards_do_too(pair, sink, alone):
    assert (live(pair), sink.events) == alone


def test_episodes_follow_each_other_in_the_same_processes(pair, sink, alone):
    processes = pair.process_ids
    pair.step(list_commands(KEYS, 0))
    for keys in (OTHER_KEYS, KEYS):
        sink.events.clear()
        pair.restart(keys)
        assert (live(pair, keys), sink.events) == (alone if keys == KEYS else live_alone(keys))
    assert pair.process_ids == processes


def test_arrays_cross_in_shared_memory_both_ways(pair):
    alone = build_shard(KEYS, ListSink())
    total = encode_losses(alone.initial)["loss"]
    assert np.array_equal(pair.arrays["loss"], total)
    for epoch in range(3):
        expected = encode_losses(alone.step(list_commands(KEYS, epoch)))
        total += expected["loss"]
        commands = list_commands(KEYS, epoch) if epoch == 1 else list_actions(KEYS, epoch)
        arrays = pair.step_arrays(commands)
        assert np.array_equal(arrays["loss"], total)
        assert np.array_equal(arrays["sizes"], expected["sizes"])


def test_choices_and_commands_lead_to_the_same_results(pair, sink):
    one = [pair.step(list_actions(KEYS, epoch)) for epoch in range(3)]
    told = list(sink.events)
    sink.events.clear()
    pair.restart(KEYS)
    assert [pair.step(list_commands(KEYS, epoch)) for epoch in range(3)] == one
    assert sink.events == told[-len(sink.events) :]


def kill(population, worker):
    process_id = population.process_ids[worker]
    os.kill(process_id, signal.SIGKILL)
    return process_id


@pytest.mark.slow
def test_workers_killed_between_steps_are_not_missed(pair, sink, alone):
    killed = [kill(pair, 0)]
    sink.events.clear()
    pair.restart(KEYS)
    steps = []
    for epoch in range(EPOCHS):
        if epoch == 4:
            killed.append(kill(pair, 1))
        steps.append(pair.step(list_commands(KEYS, epoch)))
    pair.begin_closing()
    killed.append(kill(pair, 0))
    steps.extend(pair.step(CLOSED) for _ in range(3))
    assert ([pair.initial, *steps, pair.judge()], sink.events) == alone
    assert not set(killed) & set(pair.process_ids)


@pytest.mark.slow
def test_a_worker_that_dies_at_work_is_not_missed(tmp_path, alone):
    sink = ListSink()
    moments = ("build", "step 0", "step 7", "begin_closing", "judge")
    build = Ailing(tmp_path, moments)
    with WorkerPopulation(build, KEYS, workers=2, sink=sink) as population:
        assert (live(population), sink.events) == alone
    assert build.count() == len(moments)


@pytest.mark.slow
def test_a_worker_that_fails_twice_is_not_missed(tmp_path, alone):
    sink = ListSink()
    build = Ailing(tmp_path, ("step 2",), times=2, harm="fail")
    with WorkerPopulation(build, KEYS, workers=1, sink=sink) as population:
        assert (live(population), sink.events) == alone
    assert build.count() == 2


@pytest.mark.slow
def test_a_worker_that_dies_again_and_again_is_told_and_everything_ends(tmp_path, blocks):
    others = set(active_children())
    expected = "environments 0 to 4 must survive Begin after 0 steps, got 3 losses in a row"
    with pytest.raises(WorkerError, match=f"{expected}; the last one: exit code -9"):
        WorkerPopulation(Ailing(tmp_path, ("build",), times=99), KEYS, workers=1)
    assert set(active_children()) == others
    assert blocks.list_left() == []


def test_a_refusal_is_raised_and_ends_the_episode_only(pair, sink):
    processes = pair.process_ids
    with pytest.raises(SlotIdError, match="slot must be one of r0c0, r0c1, r0c2, got 'r9c9'"):
        pair.step([WAIT, WAIT, germinate("r9c9"), WAIT, WAIT])
    for act in (pair.begin_closing, pair.judge, lambda: pair.step(CLOSED)):
        with pytest.raises(WorkerError, match="running for this, got one that is at the end"):
            act()
    pair.restart(KEYS)
    assert pair.step(CLOSED) == build_shard(KEYS, sink).step(CLOSED)
    assert pair.process_ids == processes


def test_a_refusal_to_build_leaves_nothing_behind(tmp_path, blocks):
    others = set(active_children())
    with pytest.raises(ConfigError, match="hosts must be good, got a bad one"):
        WorkerPopulation(Ailing(tmp_path, ("build",), harm="refuse"), KEYS, workers=1)
    assert set(active_children()) == others
    assert blocks.list_left() == []


@pytest.mark.slow
def test_an_interrupted_step_ends_the_episode_and_the_next_one_is_sound(tmp_path, alone):
    class InterruptError(Exception):
        pass

    def interrupt(*_):
        raise InterruptError

    sink = ListSink()
    build = Ailing(tmp_path, ("step 1",), harm="dawdle")
    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with WorkerPopulation(build, KEYS, workers=2, sink=sink) as population:
            population.step(list_commands(KEYS, 0))
            signal.setitimer(signal.ITIMER_REAL, 0.5)
            with pytest.raises(InterruptError):
                population.step(list_commands(KEYS, 1))
            with pytest.raises(WorkerError, match="at the end of an episode"):
                population.judge()
            sink.events.clear()
            population.restart(KEYS)
            assert (live(population), sink.events) == alone
    finally:
        signal.signal(signal.SIGALRM, before)


def raise_within(population):
    with population:
        raise RuntimeError("of the owner")


def test_closing_ends_the_processes_and_frees_the_memory(blocks):
    others = set(active_children())
    population = WorkerPopulation(build_shard, KEYS[:1], workers=1, encoding=ENCODING)
    held = population.arrays["loss"]
    assert len(blocks.list_left()) == 2
    with pytest.raises(RuntimeError, match="of the owner"):
        raise_within(population)
    assert set(active_children()) == others
    assert blocks.list_left() == []
    assert held[0] == population.initial[0].measured.control_loss
    population.close()
    for act in (population.judge, lambda: population.step([None])):
        with pytest.raises(WorkerError, match="got one that is at the end of an episode or closed"):
            act()
    with pytest.raises(WorkerError, match="got one that is closed"):
        population.restart(KEYS[:1])


def test_a_population_without_encoding_has_no_arrays_and_closes_itself_when_forgotten(blocks):
    others = set(active_children())
    population = WorkerPopulation(build_shard, KEYS[:1], workers=1)
    assert dict(population.arrays) == {}
    with pytest.raises(ConfigError, match="encoding must be given for steps in arrays, got None"):
        population.step_arrays([None])
    assert len(blocks.list_left()) == 2
    del population
    wait_until(lambda: set(active_children()) == others)
    assert blocks.list_left() == []


def test_the_wrong_number_of_commands_is_refused_and_changes_nothing(pair, alone):
    with pytest.raises(ConfigError, match="commands must be 5, got 1"):
        pair.step([None])
    with pytest.raises(ShapeError, match=r"int64 of shape \(5, 8\), got int64 of shape \(4, 8\)"):
        pair.step(list_actions(KEYS[:4], 0))
    with pytest.raises(ShapeError, match=r"int64 of shape \(5, 8\), got int32 of shape \(5, 8\)"):
        pair.step_arrays(list_actions(KEYS, 0).astype(np.int32))
    with pytest.raises(ConfigError, match="keys must be 5 as before, got 2"):
        pair.restart(KEYS[:2])
    assert pair.step(list_commands(KEYS, 0)) == alone[0][1]


NAMELESS = replace(ENCODING, encode=lambda results: encode_losses(results[::-1]))


@pytest.mark.parametrize(
    ("part", "arguments"),
    [
        ("build", {"build": lambda keys, sink: build_shard(keys[::-1], sink)}),
        ("keys", {"keys": [lambda: 1]}),
        ("encoding", {"encoding": NAMELESS}),
    ],
)
def test_what_cannot_be_pickled_is_refused_before_anything_starts(part, arguments):
    others = set(active_children())
    with pytest.raises(ConfigError, match=f"{part} must survive pickling on its way"):
        WorkerPopulation(**{"build": build_shard, "keys": KEYS, "workers": 2, **arguments})
    assert set(active_children()) == others


@pytest.mark.parametrize(("keys", "workers"), [(KEYS, 0), ([], 2)])
def test_no_worker_or_no_environment_is_refused(keys, workers):
    with pytest.raises(ConfigError, match="must be at least 1, got 0"):
        WorkerPopulation(build_shard, keys, workers=workers)
