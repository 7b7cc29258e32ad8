from __future__ import annotations

from functools import partial

from tamiyo.contracts import TwinTrained
from tamiyo.recipes import RunConfig, build_task_episode
from tamiyo.recipes.twin import record_twin
from tests.support.tasks import TINY, ListSink, build_tiny_data, build_tiny_host, build_tiny_task

WAITING = RunConfig(task="tiny", controller="wait-only")
BUILD = partial(
    build_task_episode, WAITING, build_tiny_task(), build_tiny_data(), build_network=build_tiny_host
)


def test_a_twin_that_trained_to_its_end_is_recorded_once():
    sink = ListSink()
    record_twin(BUILD, sink, lambda: False)
    (twin,) = sink.events
    assert isinstance(twin, TwinTrained)
    assert len(twin.control_accuracies) == 1 + TINY.max_epochs
    assert (twin.parameters, twin.environment) == (85, 0)


def test_a_twin_that_is_stopped_is_left_out():
    for answers in ([True], [False, False, True]):
        sink = ListSink()
        record_twin(BUILD, sink, partial(answers.pop, 0))
        assert sink.events == []
