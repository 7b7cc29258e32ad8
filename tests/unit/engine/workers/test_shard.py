from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tamiyo.contracts import ShapeError
from tamiyo.engine.workers.messages import Begin, BeginClosing, Judge, Step
from tamiyo.engine.workers.shard import Shard
from tests.support.shards import (
    ENCODING,
    Remembering,
    build_shard,
    encode_losses,
    list_actions,
    list_commands,
    make_assignment,
)
from tests.support.tasks import ListSink

KEYS = ((0, 4), (0, 5))
ROWS = range(1, 3)


@pytest.fixture
def assignment():
    with make_assignment(ROWS) as assignment:
        yield assignment


def begin(assignment):
    shard = Shard(assignment)
    return shard, shard.execute(Begin(keys=KEYS))


def order_step(epoch, *, wants_results=True):
    return Step(commands=tuple(list_commands(KEYS, epoch)), wants_results=wants_results)


def test_orders_are_carried_out_as_a_population_would(assignment):
    sink = ListSink()
    population = build_shard(KEYS, sink)
    shard, initial = begin(assignment)
    assert initial == population.initial
    for epoch in range(3):
        commands = list_commands(KEYS, epoch)
        assert shard.execute(order_step(epoch)) == population.step(commands)
    population.begin_closing()
    assert shard.execute(BeginClosing()) is None
    assert shard.execute(Judge()) == population.judge()
    assert list(shard.take_events()) == sink.events
    assert shard.take_events() == ()


def test_choices_are_read_from_the_shard_s_rows_of_shared_memory(assignment):
    population = build_shard(KEYS, ListSink())
    shard, _ = begin(assignment)
    for epoch in range(3):
        assignment.actions.views["actions"][1:3] = list_actions(KEYS, epoch)
        ours = shard.execute(Step(commands=None, wants_results=True))
        assert ours == population.step(list_commands(KEYS, epoch))


def test_choices_may_come_with_the_order(assignment):
    shard, _ = begin(assignment)
    shard.execute(Step(commands=list_actions(KEYS, 0), wants_results=False))
    assert shard.take_events()[0].command == list_commands(KEYS, 0)[0]


def test_encoded_results_lie_in_the_shard_s_rows_from_the_beginning(assignment):
    _, initial = begin(assignment)
    shown = assignment.arrays.views
    for name, array in encode_losses(initial).items():
        assert np.array_equal(shown[name][1:3], array)
        assert not shown[name][[0, 3]].any()


def test_results_that_are_not_wanted_stay(assignment):
    shard, initial = begin(assignment)
    assert shard.execute(order_step(0, wants_results=False)) is None
    assert assignment.arrays.views["loss"][1] != initial[0].measured.control_loss


def test_an_encoding_that_remembers_begins_every_episode_afresh(assignment):
    encoding = replace(ENCODING, encode=Remembering())
    shard, initial = begin(replace(assignment, encoding=encoding))
    results = shard.execute(order_step(0))
    losses = [[r.measured.control_loss for r in rows] for rows in (initial, results)]
    assert np.array_equal(assignment.arrays.views["loss"][1:3], np.sum(losses, axis=0))
    shard.execute(Begin(keys=KEYS))
    assert np.array_equal(assignment.arrays.views["loss"][1:3], losses[0])


def test_events_nobody_wants_are_not_collected(assignment):
    shard, _ = begin(replace(assignment, wants_events=False))
    shard.execute(order_step(0))
    assert shard.take_events() == ()


def test_a_new_episode_closes_the_population_before_it(assignment):
    closed = []

    def build(keys, sink):
        population = build_shard(keys, sink)
        population.close = lambda: closed.append(keys)
        return population

    shard, _ = begin(replace(assignment, build=build))
    shard.execute(Begin(keys=KEYS[::-1]))
    assert closed == [KEYS]
    shard.close()
    shard.close()
    assert closed == [KEYS, KEYS[::-1]]


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"loss": np.zeros(1)}, r"loss as float64 of shape \(2,\), got float64 of shape \(1,\)"),
        ({"loss": np.zeros(2, np.float32)}, "loss as float64 .* got float32"),
        ({"sizes": np.zeros((1, 2), np.int32)}, r"sizes as int32 .* got int32 of shape \(1, 2\)"),
        ({"extra": np.zeros(2)}, r"\['loss', 'sizes'\], got \['extra', 'loss', 'sizes'\]"),
    ],
)
def test_an_encoding_that_does_not_keep_its_word_is_refused(assignment, change, got):
    encoding = replace(ENCODING, encode=lambda results: {**encode_losses(results), **change})
    with pytest.raises(ShapeError, match=f"encode must give {got}"):
        begin(replace(assignment, encoding=encoding))
