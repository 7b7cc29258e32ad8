from __future__ import annotations

import torch

from tamiyo.model import detach
from tamiyo.recipes import Lockstep, RunConfig, build_task_episode, load_network
from tamiyo.recipes.own.result import finish_growing
from tamiyo.telemetry import MemorySink
from tests.support.tasks import build_tiny_data, build_tiny_host, build_tiny_task


def finish(controller="wait-only"):
    kept = MemorySink()
    config = RunConfig(task="tiny", controller=controller)
    episode = build_task_episode(
        config, build_tiny_task(), build_tiny_data(), sink=kept, build_network=build_tiny_host
    )
    with Lockstep([episode]) as alone:
        (outcome,) = alone.run()
    return finish_growing(episode.member.model, outcome.result, kept)


def test_the_network_is_the_committed_one_and_by_itself():
    grown = finish(controller="random-legal")
    inputs = build_tiny_data().control.inputs
    expected = detach(grown.model).eval()(inputs)
    with torch.no_grad():
        for parameter in grown.model.parameters():
            parameter.zero_()
    assert torch.equal(grown.network(inputs), expected)
    assert not grown.network.training


def test_the_table_is_plain_text_about_the_run():
    table = finish().table
    assert "host before training" in table
    assert "\x1b" not in table


def test_saving_makes_the_folder_and_can_be_done_again(tmp_path):
    grown = finish()
    for _ in range(2):
        grown.save(tmp_path / "deep" / "folder")
    loaded = load_network(tmp_path / "deep" / "folder", build_tiny_host)
    inputs = build_tiny_data().control.inputs
    assert torch.equal(loaded(inputs), grown.network(inputs))
