"""Exports of users' own hosts: loaded where neither Tamiyo nor safetensors is, bit for bit."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from itertools import cycle
from pathlib import Path

import pytest
import torch
from torch import nn

from tamiyo.contracts import ArtifactError, Blueprint, SeedStage, Style
from tamiyo.model import attach, check_exportable, detach, load_export, save_export
from tamiyo.model import modules as network
from tests.support import plain_hosts
from tests.support.hosts import build_seeded, walk_to
from tests.support.plain_hosts import HOSTS, SLOTS, draw_inputs

LOAD_WITHOUT_TAMIYO = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tamiyo", "safetensors"}:
            raise ImportError(name + " is not installed here")
sys.meta_path.insert(0, Absent())
support, exports = sys.argv[1:]
sys.path.insert(0, support)
import plain_hosts
for name, build in plain_hosts.HOSTS.items():
    first, second = exports + "/" + name, exports + "/again-" + name
    sys.path.insert(0, first)
    import network
    grown = network.load(first, build)
    again = network.load(second, lambda: network.load(first, build))
    for each in (grown, again):
        print(each(plain_hosts.draw_inputs(name)).detach().numpy().tobytes().hex())
"""
SLOTS_AGAIN = SLOTS | {
    "transformer": {
        "r0c0": "blocks.1",
        "r0c1": "blocks.1.host_module",
        "r1c0": "blocks.1.host_module.mix",
    },
}
"""Slots where the hosts have grown: behind earlier seeds, before one and next to one."""

STYLES = (Style.GATED_GATE, Style.LINEAR_MULTIPLY, Style.LINEAR_ADD)
BLUEPRINTS = {
    "cnn": (Blueprint.CONV_LIGHT, Blueprint.MLP_SMALL),
    "transformer": (Blueprint.FLEX_ATTENTION, Blueprint.MLP, Blueprint.ATTENTION),
    "mlp": (Blueprint.MLP_SMALL, Blueprint.LORA),
}


def grow_fossils(host, name, inputs, slots=SLOTS):
    model = attach(host, slots[name], inputs, generator=build_seeded()).eval()
    for slot_id, blueprint, style in zip(slots[name], BLUEPRINTS[name], cycle(STYLES)):
        walk_to(model, SeedStage.FOSSILIZED, slot_id, blueprint=blueprint, style=style)
        nn.init.constant_(model.slots[slot_id].seed.module.scale, 0.3)
    return model


@cache
def build_once(name):
    return grow_fossils(HOSTS[name](), name, draw_inputs(name))


@cache
def build_again(name):
    return grow_fossils(detach(build_once(name)), name, draw_inputs(name), SLOTS_AGAIN)


def export(model, folder):
    save_export(model, folder, host={})
    return folder


def run(model, name):
    return model(draw_inputs(name)).detach()


def test_exports_need_pytorch_only(tmp_path):
    models = {}
    for name in HOSTS:
        models |= {name: build_once(name), f"again-{name}": build_again(name)}
    for folder, model in models.items():
        export(model, tmp_path / folder)
    support = str(Path(plain_hosts.__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", LOAD_WITHOUT_TAMIYO, support, str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    outputs = [run(model, folder.removeprefix("again-")) for folder, model in models.items()]
    assert done.stdout.split() == [each.numpy().tobytes().hex() for each in outputs]


@pytest.mark.parametrize("name", HOSTS)
def test_tamiyo_loads_the_same_network(tmp_path, name):
    model = build_once(name)
    grown = load_export(export(model, tmp_path), lambda _host: HOSTS[name]())
    inputs = draw_inputs(name)
    assert torch.equal(grown(inputs), model(inputs))
    assert not torch.equal(grown(inputs), HOSTS[name]().eval()(inputs))


@pytest.mark.parametrize("name", HOSTS)
def test_what_has_grown_twice_computes_and_travels_like_anything_else(tmp_path, name):
    model, (first, second) = build_again(name), (tmp_path / "first", tmp_path / "second")
    export(build_once(name), first)
    export(model, second)
    grown = load_export(second, lambda _host: load_export(first, lambda _host: HOSTS[name]()))
    assert torch.equal(run(grown, name), run(model, name))
    assert torch.equal(run(detach(model), name), run(model, name))
    assert not torch.equal(run(model, name), run(build_once(name), name))


def test_what_has_grown_is_not_built_by_the_builder_of_the_bare_host(tmp_path):
    with pytest.raises(ArtifactError, match=r"must build the host .* got Unexpected key"):
        load_export(export(build_again("mlp"), tmp_path), lambda _host: HOSTS["mlp"]())


def test_the_code_is_copied_word_for_word(tmp_path):
    copied = export(build_once("mlp"), tmp_path) / "network"
    own = {path.name: path.read_bytes() for path in Path(network.__file__).parent.glob("*.py")}
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == own


def test_weights_that_were_tied_are_tied_again(tmp_path):
    grown = network.load(export(build_once("transformer"), tmp_path), HOSTS["transformer"])
    assert grown.head.weight is grown.embed.weight


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", HOSTS)
def test_a_host_of_another_precision_comes_back_in_it(tmp_path, name, dtype):
    def build():
        return HOSTS[name]().to(dtype)

    inputs = draw_inputs(name, dtype)
    model = grow_fossils(build(), name, inputs)
    grown = network.load(export(model, tmp_path), build)
    assert torch.equal(grown(inputs), model(inputs))
    assert {p.dtype for p in grown.parameters()} == {dtype}


def test_a_model_cast_after_attaching_comes_back_as_it_was_cast(tmp_path):
    model = grow_fossils(HOSTS["mlp"](), "mlp", draw_inputs("mlp")).double()
    grown = network.load(export(model, tmp_path), lambda: HOSTS["mlp"]().double())
    inputs = draw_inputs("mlp", torch.float64)
    assert torch.equal(grown(inputs), model(inputs))


def test_a_host_of_other_precision_than_exported_is_refused(tmp_path):
    folder = export(build_once("mlp"), tmp_path)
    reason = r"got torch\.float64 instead of torch\.float32 for first\.host_module\.weight"
    with pytest.raises(ArtifactError, match=reason):
        load_export(folder, lambda _host: HOSTS["mlp"]().double())


def test_channels_last_survives_to_the_last_bit(tmp_path):
    model = grow_fossils(HOSTS["cnn"](), "cnn", draw_inputs("cnn"))
    model.to(memory_format=torch.channels_last)
    grown = network.load(export(model, tmp_path), HOSTS["cnn"])
    assert torch.equal(grown(draw_inputs("cnn")), model(draw_inputs("cnn")))
    assert not grown[3].weight.is_contiguous()
    recipe = json.loads((tmp_path / "growth.json").read_text())
    assert "3.weight" in recipe["strides"]


def test_plain_tensors_name_no_strides(tmp_path):
    export(build_once("mlp"), tmp_path)
    assert json.loads((tmp_path / "growth.json").read_text())["strides"] == {}


class Centering(plain_hosts.Perceptron):
    """Learns in buffers outside its state: of a fixed shape, of any, and made on the way."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(6), persistent=False)
        self.register_buffer("last", None, persistent=False)
        self.register_buffer("turn", torch.ones(1, dtype=torch.complex64), persistent=False)

    def forward(self, inputs):
        if self.training:
            self.mean = 0.9 * self.mean + inputs.mean(dim=0)
            self.last = inputs[:2]
            self.register_buffer("spread", inputs.std(), persistent=False)
        inputs = inputs - self.mean + self.last.sum()
        return super().forward(inputs / self.spread * self.turn.real)


def test_buffers_outside_the_state_are_kept_too(tmp_path):
    host, inputs = Centering().train(), draw_inputs("mlp")
    host(inputs)
    model = grow_fossils(host, "mlp", inputs)
    model.train()(inputs + 3)
    grown = network.load(export(model, tmp_path), Centering)
    assert torch.equal(grown(inputs), model.eval()(inputs))
    assert list(grown.state_dict()) == list(detach(model).state_dict())
    recipe = json.loads((tmp_path / "growth.json").read_text())
    assert recipe["non_persistent"] == ["last", "mean", "spread"]


class Remembering(plain_hosts.Perceptron):
    """A host whose state is more than tensors."""

    def get_extra_state(self):
        return {"seen": 3}

    def set_extra_state(self, state):
        pass


def build_with_buffer(buffer):
    host = HOSTS["mlp"]()
    host.register_buffer("extra", buffer)
    return host


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (Remembering, "must be plain tensors to be exported, got dict _extra_state: keep it out"),
        (
            lambda: build_with_buffer(torch.eye(2).to_sparse()),
            "must be plain tensors to be exported, got Tensor extra",
        ),
        (
            lambda: build_with_buffer(torch.zeros(2, dtype=torch.complex64)),
            r"of a common dtype to be exported, got torch\.complex64 for extra: keep it",
        ),
    ],
)
def test_state_that_is_no_plain_tensor_is_refused(tmp_path, build, reason):
    model = attach(build(), SLOTS["mlp"], draw_inputs("mlp"), generator=build_seeded())
    with pytest.raises(ArtifactError, match=reason) as refusal:
        save_export(model, tmp_path, host={})
    assert "\n" not in str(refusal.value)
    with pytest.raises(ArtifactError, match=reason):
        check_exportable(model.host)
    assert list(tmp_path.iterdir()) == []
