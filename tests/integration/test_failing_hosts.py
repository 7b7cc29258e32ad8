"""Hosts that go wrong: what was recorded stays, the others do not notice, and it is said where."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tamiyo.contracts import GovernorRolledBack, RunFinished
from tamiyo.model import drawing_from
from tamiyo.recipes import GrowSettings, grow
from tamiyo.telemetry import MemorySink, read_events

SGD = partial(torch.optim.SGD, lr=0.01)
EPOCHS = 8


class Failing(nn.Module):
    """A host that goes wrong in some passes of its training."""

    def __init__(self, go_wrong, first):
        super().__init__()
        with drawing_from(torch.Generator().manual_seed(0)):
            self.inner = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
        self.go_wrong, self.first, self.passes = go_wrong, first, 0

    def forward(self, inputs):
        outputs = self.inner(inputs)
        if self.training and torch.is_grad_enabled():
            self.passes += 1
            if self.passes == self.first:
                return self.go_wrong(outputs)
        return outputs


def fail(_outputs):
    message = "the host is on fire"
    raise RuntimeError(message)


def build_batches():
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(12, 4, generator=generator)
    return [(inputs, torch.randint(3, (12,), generator=generator))] * 2


def grow_failing(go_wrong, *, first, **options):
    batches = build_batches()
    return grow(
        Failing(go_wrong, first),
        train=batches,
        control=batches[:1],
        epochs=EPOCHS,
        optimizer=SGD,
        slots=["inner.1"],
        loss=F.cross_entropy,
        controller="random-legal",
        settings=GrowSettings(closing_epochs=2),
        progress=False,
        **options,
    )


@pytest.mark.requirement("8.6")
def test_a_host_that_puts_out_nan_goes_back_and_trains_on():
    sink = MemorySink()
    grown = grow_failing(lambda outputs: outputs * float("nan"), first=9, sink=sink)
    (rolled_back,) = [event for event in sink.events if isinstance(event, GovernorRolledBack)]
    assert "loss is not finite" in rolled_back.reason
    assert grown.result.epochs == EPOCHS
    assert all(parameter.isfinite().all() for parameter in grown.network.parameters())


def test_a_host_that_raises_says_so_itself_and_its_record_stays_whole(tmp_path):
    with pytest.raises(RuntimeError, match="the host is on fire"):
        grow_failing(fail, first=9, out=tmp_path / "run")
    log = read_events(tmp_path / "run" / "events.jsonl")
    epochs = [
        event["measured"]["epoch"] for event in log.events if event["event"] == "EpochCompleted"
    ]
    assert epochs == list(range(1, len(epochs) + 1))
    assert len(epochs) > 1
    assert RunFinished.__name__ not in {event["event"] for event in log.events}
    assert not log.is_torn
