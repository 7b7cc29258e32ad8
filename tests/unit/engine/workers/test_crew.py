from __future__ import annotations

import sys
from multiprocessing import active_children

import pytest
import torch

from tamiyo.engine.workers.crew import Crew, _is_flushing_denormals
from tamiyo.engine.workers.messages import Begin, Judge
from tests.support.shards import ENCODING, build_shard
from tests.support.tasks import ListSink

SHARDS = [range(2), range(2, 3)]
KEYS = [(0, 0), (0, 1), (0, 2)]
BEGIN = [Begin(keys=tuple(KEYS[:2])), Begin(keys=tuple(KEYS[2:]))]


def test_every_worker_answers_and_all_end_together(blocks):
    others = set(active_children())
    crew = Crew(build_shard, SHARDS, encoding=ENCODING, wants_events=False)
    assert crew.arrays["loss"].shape == (3,)
    assert crew.actions.shape == (3, 8)
    assert blocks.list_left() == crew.block_names
    crew.exchange(BEGIN)
    replies = crew.exchange([Judge(), Judge()])
    judged = [result for reply in replies for result in reply.value]
    assert judged == build_shard(KEYS, ListSink()).judge()
    assert len(set(crew.process_ids)) == 2
    crew.settle()
    crew.close()
    crew.close()
    assert set(active_children()) == others
    assert blocks.list_left() == []


def test_a_crew_that_cannot_start_leaves_nothing_behind(blocks):
    with pytest.raises((AttributeError, TypeError), match=r"[Pp]ickle"):
        Crew(lambda keys, sink: None, SHARDS, encoding=None, wants_events=False)
    assert blocks.list_left() == []


@pytest.mark.parametrize("flushes", [False, True])
def test_the_processor_is_asked_what_it_does_with_denormal_numbers(flushes):
    torch.set_flush_denormal(flushes)
    found = _is_flushing_denormals()
    torch.set_flush_denormal(False)
    assert found == flushes
    assert sys.float_info.min / 2 > 0
