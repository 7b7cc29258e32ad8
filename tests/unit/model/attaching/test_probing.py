"""Probing: a host that cannot be grown is refused by name, every other one left as it was."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tamiyo.contracts import ConfigError, ShapeError
from tamiyo.model import Topology, attach
from tamiyo.model.attaching import probe_slots
from tests.support.awkward_hosts import Again, Called, Classifier, Decoder, draw, draw_ids
from tests.support.hosts import SLOTS, Wrapped, build_batch, build_host, build_model


class Noisy(nn.Module):
    """Draws from the global generator in evaluation mode as well."""

    def forward(self, inputs):
        return inputs + torch.randn_like(inputs)


def probe(host, **paths):
    return probe_slots(host, paths, build_batch()[0]).found


def test_slots_come_in_the_order_of_the_pass():
    probes = probe(build_host(), r0c0="5", r0c1="2")
    assert list(probes) == ["r0c1", "r0c0"]
    assert probes["r0c0"].shape.per_sample == (4, 8, 8)


@pytest.mark.parametrize(
    ("host", "path", "example", "topology", "per_sample"),
    [
        (Classifier(), "stage", draw(2, 1, 6, 5), Topology.CNN, (4, 6, 5)),
        (Decoder(), "blocks.0", draw_ids(2, 7), Topology.SEQUENCE, (7, 8)),
        (Again(), "first", draw(2, 6), Topology.VECTOR, (6,)),
    ],
)
def test_the_shape_says_what_the_axes_mean(host, path, example, topology, per_sample):
    shape = probe_slots(host, [path], example).found["r0c0"].shape
    assert (shape.topology, shape.per_sample) == (topology, per_sample)
    assert shape.is_causal == (topology == Topology.SEQUENCE)


def test_a_slot_goes_by_the_first_name_of_its_module():
    host = Wrapped(build_host())
    host.alias = host.net[2]
    assert probe(host, r0c0="alias")["r0c0"].path == "net.2"


def test_a_refusal_names_slot_and_path():
    with pytest.raises(ShapeError, match=r"slot r0c1 \('second'\) must run once per pass, got 2"):
        probe_slots(Again(), ["first", "second"], draw(4, 6))


@pytest.mark.parametrize(
    ("dtype", "path", "beside"),
    [(torch.float32, "2", "1.weight"), (torch.float64, "4", "4.weight")],
)
def test_seeds_live_beside_the_last_parameter_used_before_them(dtype, path, beside):
    host = build_host().to(dtype)
    found = probe_slots(host, [path], build_batch()[0].to(dtype)).found["r0c0"]
    assert (found.shape.dtype, found.beside) == (dtype, beside)
    assert found.locate(host) == (torch.device("cpu"), dtype)
    assert found.locate(host.to("meta").half()) == (torch.device("meta"), torch.float16)


def test_a_parameter_of_another_dtype_is_not_beside():
    mixed = Called(
        lambda self, x: self.head(self.widen(self.first(x))),
        first=nn.Linear(6, 6),
        widen=Called(lambda self, x: x.double()),
        head=nn.Linear(6, 3).double(),
    )
    found = probe_slots(mixed, ["widen"], draw(2, 6)).found["r0c0"]
    assert found.beside is None
    assert found.locate(mixed) == (torch.device("cpu"), torch.float64)


def test_under_autocast_seeds_are_of_the_parameters_dtype():
    with torch.autocast("cpu", torch.bfloat16):
        found = probe(build_host(), r0c0="3")["r0c0"]
    assert (found.shape.dtype, found.beside) == (torch.float32, "3.weight")


@pytest.mark.parametrize("training", [True, False])
def test_a_host_is_left_as_it_was(training):
    host = build_host().train(training)
    host[1].eval()
    before = {name: tensor.clone() for name, tensor in host.state_dict().items()}
    modes = [module.training for module in host.modules()]
    probe(host, **SLOTS)
    assert all(torch.equal(t, before[name]) for name, t in host.state_dict().items())
    assert [module.training for module in host.modules()] == modes
    assert not any(module._forward_hooks for module in host.modules())


def test_a_host_that_draws_leaves_the_global_generator_alone():
    host = nn.Sequential(nn.Conv2d(1, 2, 1), Noisy(), nn.Conv2d(2, 2, 1))
    before = torch.random.get_rng_state()
    probe(host, r0c0="1")
    assert torch.equal(before, torch.random.get_rng_state())


def test_hosts_are_checked_before_anything_runs():
    with pytest.raises(ConfigError, match="must have parameters"):
        probe(nn.Sequential(Noisy()), r0c0="0")


def test_probes_hold_for_a_host_of_the_same_structure_and_no_other():
    example = build_batch()[0]
    probes = probe_slots(build_host(), SLOTS, example)
    probes.check(build_host().eval(), example)
    with pytest.raises(ShapeError, match=r"same structure, got another parameter '0\.weight'"):
        probes.check(build_host().double(), example)
    with pytest.raises(ShapeError, match="got another example"):
        probes.check(build_host(), example[:1])
    with pytest.raises(ConfigError, match="got the class Linear"):
        probes.check(nn.Linear, example)


def test_probes_do_not_hold_for_compiled_code():
    probes = probe_slots(build_host(), SLOTS, build_batch()[0])
    compiled = build_host()
    compiled[2].compile(backend="eager")
    with pytest.raises(ShapeError, match=r"slot r0c0 \('2'\) must be a plain module"):
        probes.check(compiled, build_batch()[0])


def test_probes_of_another_model_spare_the_trial_passes():
    passes, host, example = [], build_host(seed=2), build_batch()[0]
    host[0].register_forward_hook(lambda *_: passes.append(1))
    shared = attach(host, build_model().probes, example)
    assert passes == []
    alone = attach(host, SLOTS, example)
    assert passes
    assert shared.probes == alone.probes
    assert shared.report() == alone.report()
