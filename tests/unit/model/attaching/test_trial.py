"""Trial: passes through copies, none of which leaves a trace or knows of the one before."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import ShapeError
from tamiyo.model.attaching.trial import Trial, quote
from tests.support.awkward_hosts import Padded, Uncopyable, draw_padded
from tests.support.hosts import Wrapped, build_batch, build_host


class Counting(nn.Module):
    """Counts its passes, draws, and works in place on a buffer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)
        self.passes = 0
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, inputs):
        self.passes += 1
        self.seen += 1
        return self.layer(inputs) + torch.rand(()) + self.passes + self.seen


def test_every_pass_is_the_first_and_draws_the_same():
    host = Counting()
    trial = Trial(host, torch.ones(1, 2))
    drawn = torch.random.get_rng_state()
    outputs = [trial.run_and_read(()).outputs[0] for _ in range(3)]
    assert torch.equal(outputs[0], outputs[2])
    assert (host.passes, float(host.seen)) == (0, 0)
    assert torch.equal(torch.random.get_rng_state(), drawn)


@pytest.mark.parametrize("training", [False, True])
def test_a_copy_shares_parameters_only_and_is_in_the_mode_asked_for(training):
    host = build_host().train()
    with Trial(host, build_batch()[0]).copied(training=training) as twin:
        assert {module.training for module in twin.modules()} == {training}
        pairs = zip(host.parameters(), twin.parameters(), strict=True)
        assert all(one is two for one, two in pairs)
        assert not {*map(id, host.buffers())} & {*map(id, twin.buffers())}
    assert host.training


def test_taps_change_outputs_under_every_name_of_a_module():
    host = Wrapped(build_host()).eval()
    host.alias = host.net[2]
    trial = Trial(host, build_batch()[0])
    plain = trial.run_and_read(["net.2"])
    zeroed = trial.run({"net.2": torch.zeros_like})
    assert list(plain.modules) == ["net.2"]
    assert not torch.equal(plain.outputs[0], zeroed)


def test_other_inputs_can_stand_in_for_the_example():
    trial = Trial(build_host(), build_batch()[0])
    assert len(trial.run_and_read((), build_batch(2)[0]).outputs[0]) == 2


def test_nested_tensors_are_left_out_of_a_reading():
    read = Trial(Padded(), draw_padded()).run_and_read(["encoder.layers.0", "encoder"])
    assert list(read.modules) == ["encoder"]


def test_a_host_that_cannot_be_copied_is_refused():
    with pytest.raises(ShapeError, match=r"detach copies it, got TypeError: cannot copy an open"):
        Trial(Uncopyable(nn.Linear(2, 2)), torch.ones(1, 2))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ValueError("first\nsecond"), "ValueError: first"),
        (KeyError(), "KeyError"),
        (RuntimeError("x" * 999), "RuntimeError: " + "x" * 200),
    ],
)
def test_errors_are_quoted_in_one_line(error, text):
    assert quote(error) == text
