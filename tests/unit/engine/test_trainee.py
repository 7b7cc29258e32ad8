from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tamiyo.contracts import InvariantError
from tamiyo.engine import build_task_trainee
from tests.support.tasks import TINY, build_tiny_host


def test_a_network_of_a_task_is_trained_by_adam_at_the_rate_of_the_epoch():
    trainee = build_task_trainee(build_tiny_host(), TINY)
    assert isinstance(trainee.optimizer, torch.optim.Adam)
    for epoch in (1, TINY.decision_epochs + 2, TINY.max_epochs):
        trainee.begin_epoch(epoch)
        assert trainee.optimizer.param_groups[0]["lr"] == TINY.learning_rate_at(epoch)


def test_frozen_parameters_stay_out_of_the_optimizer():
    host = build_tiny_host()
    host.block1.requires_grad_(requires_grad=False)
    (group,) = build_task_trainee(host, TINY).optimizer.param_groups
    frozen = {id(parameter) for parameter in host.block1.parameters()}
    assert len(group["params"]) == 4
    assert not frozen & {id(parameter) for parameter in group["params"]}


def test_a_task_without_a_rate_has_no_trainee():
    with pytest.raises(InvariantError, match="must have a learning rate"):
        build_task_trainee(build_tiny_host(), replace(TINY, learning_rate=None))
