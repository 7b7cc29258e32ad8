"""Growing where an accelerator is at hand: the same code, held to the same oracle."""

from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import Blueprint, LifecycleOp, SeedStage, Style
from tests.support.populations import DATA, Pair, build_normal_host, make_batched
from tests.support.tasks import SLOTS, WAIT, act, build_tiny_host, germinate

pytestmark = pytest.mark.gpu

CUDA = torch.device("cuda")
BLUEPRINTS = [one for one in Blueprint if one not in {Blueprint.NOOP, Blueprint.FLEX_ATTENTION}]


@pytest.fixture
def data_there():
    return DATA.to(CUDA)


def build_there():
    return build_tiny_host().to(CUDA)


def build_normal_there():
    return build_normal_host().to(CUDA)


def grow_and_commit(blueprint):
    def command_of(environment, epoch):
        return {
            1: germinate("r0c0", blueprint, Style(environment % len(Style))),
            3: act(LifecycleOp.ADVANCE),
            7: act(LifecycleOp.ADVANCE),
            8: act(LifecycleOp.FOSSILIZE),
        }.get(epoch, WAIT)

    return command_of


@pytest.mark.parametrize("blueprint", BLUEPRINTS, ids=lambda one: one.name)
def test_a_population_on_the_gpu_grows_as_its_environments_do_alone(blueprint, data_there):
    # Its kernels add in another order, which fifteen epochs of Adam make visible.
    pair = Pair(range(4), host=build_there, data=data_there, tolerance=1e-4)
    stages = pair.live(grow_and_commit(blueprint), 10)
    pair.close()
    assert SeedStage.BLENDING in stages
    assert next(pair.batched.members[0].model.parameters()).device.type == "cuda"


@pytest.mark.parametrize(
    ("host", "host_there", "slots"),
    [
        (build_tiny_host, build_there, SLOTS),
        (build_normal_host, build_normal_there, {"r0c0": "0", "r0c1": "1", "r0c2": "2"}),
    ],
    ids=["plain", "with dropout and running statistics"],
)
def test_the_gpu_trains_what_the_processor_trains(host, host_there, slots, data_there):
    there = make_batched(range(3), host=host_there, data=data_there, slots=slots)
    here = make_batched(range(3), host=host, slots=slots)
    for epoch in range(4):
        commands = [grow_and_commit(Blueprint.CONV_SMALL)(each, epoch) for each in range(3)]
        far, near = there.step(commands), here.step(commands)
        for one, other in zip(far, near, strict=True):
            loss = other.measured.control_loss
            assert one.measured.control_loss == pytest.approx(loss, rel=1e-3)


def test_a_host_that_diverges_on_the_gpu_touches_no_other(data_there):
    population = make_batched(range(3), host=build_there, data=data_there)
    with torch.no_grad():
        next(population.members[1].model.host.parameters()).fill_(torch.nan)
    results = population.step([WAIT] * 3)
    rolled_back = [result.measured.rolled_back is not None for result in results]
    assert rolled_back == [False, True, False]
