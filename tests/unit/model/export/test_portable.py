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
from tamiyo.model import attach, load_export, save_export
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
    for module in [module for module in sys.modules if module.partition(".")[0] == "network"]:
        del sys.modules[module]
    sys.path.insert(0, exports + "/" + name)
    import network
    assert network.__file__.startswith(exports + "/" + name)
    grown = network.load(build)
    print(grown(plain_hosts.draw_inputs(name)).detach().numpy().tobytes().hex())
"""
STYLES = (Style.GATED_GATE, Style.LINEAR_MULTIPLY, Style.LINEAR_ADD)
BLUEPRINTS = {
    "cnn": (Blueprint.CONV_LIGHT, Blueprint.MLP_SMALL),
    "transformer": (Blueprint.FLEX_ATTENTION, Blueprint.MLP, Blueprint.ATTENTION),
    "mlp": (Blueprint.MLP_SMALL, Blueprint.LORA),
}


def grow_fossils(host, name, inputs):
    model = attach(host, SLOTS[name], inputs, generator=build_seeded()).eval()
    for slot_id, blueprint, style in zip(SLOTS[name], BLUEPRINTS[name], cycle(STYLES)):
        walk_to(model, SeedStage.FOSSILIZED, slot_id, blueprint=blueprint, style=style)
        nn.init.constant_(model.slots[slot_id].seed.module.scale, 0.3)
    return model


@cache
def build_once(name):
    return grow_fossils(HOSTS[name](), name, draw_inputs(name))


def export(model, folder):
    save_export(model, folder, host={})
    return folder


def test_exports_need_pytorch_only(tmp_path):
    for name in HOSTS:
        (tmp_path / name).mkdir()
        export(build_once(name), tmp_path / name)
    support = str(Path(plain_hosts.__file__).parent)
    run = subprocess.run(
        [sys.executable, "-c", LOAD_WITHOUT_TAMIYO, support, str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    outputs = [build_once(name)(draw_inputs(name)) for name in HOSTS]
    assert run.stdout.split() == [each.detach().numpy().tobytes().hex() for each in outputs]


@pytest.mark.parametrize("name", HOSTS)
def test_tamiyo_loads_the_same_network(tmp_path, name):
    model = build_once(name)
    grown = load_export(export(model, tmp_path), lambda _host: HOSTS[name]())
    inputs = draw_inputs(name)
    assert torch.equal(grown(inputs), model(inputs))
    assert not torch.equal(grown(inputs), HOSTS[name]().eval()(inputs))


def test_the_code_is_copied_word_for_word(tmp_path):
    copied = export(build_once("mlp"), tmp_path) / "network"
    own = {path.name: path.read_bytes() for path in Path(network.__file__).parent.glob("*.py")}
    assert {path.name: path.read_bytes() for path in copied.iterdir()} == own


def test_weights_that_were_tied_are_tied_again(tmp_path):
    grown = network.load(HOSTS["transformer"], export(build_once("transformer"), tmp_path))
    assert grown.head.weight is grown.embed.weight


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
@pytest.mark.parametrize("name", HOSTS)
def test_a_host_of_another_precision_comes_back_in_it(tmp_path, name, dtype):
    def build():
        return HOSTS[name]().to(dtype)

    inputs = draw_inputs(name, dtype)
    model = grow_fossils(build(), name, inputs)
    grown = network.load(build, export(model, tmp_path))
    assert torch.equal(grown(inputs), model(inputs))
    assert {p.dtype for p in grown.parameters()} == {dtype}


def test_a_host_of_other_precision_than_exported_is_refused(tmp_path):
    folder = export(build_once("mlp"), tmp_path)
    reason = r"got torch\.float64 instead of torch\.float32 for first\.host_module\.weight"
    with pytest.raises(ArtifactError, match=reason):
        load_export(folder, lambda _host: HOSTS["mlp"]().double())


def test_channels_last_survives_to_the_last_bit(tmp_path):
    model = grow_fossils(HOSTS["cnn"](), "cnn", draw_inputs("cnn"))
    model.to(memory_format=torch.channels_last)
    grown = network.load(HOSTS["cnn"], export(model, tmp_path))
    assert torch.equal(grown(draw_inputs("cnn")), model(draw_inputs("cnn")))
    assert not grown[3].weight.is_contiguous()
    recipe = json.loads((tmp_path / "growth.json").read_text())
    assert "3.weight" in recipe["strides"]


def test_plain_tensors_name_no_strides(tmp_path):
    export(build_once("mlp"), tmp_path)
    assert json.loads((tmp_path / "growth.json").read_text())["strides"] == {}


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
        (Remembering, "state of the host must be plain tensors, got dict _extra_state"),
        (
            lambda: build_with_buffer(torch.eye(2).to_sparse()),
            "state of the host must be plain tensors, got Tensor extra",
        ),
        (
            lambda: build_with_buffer(torch.zeros(2, dtype=torch.complex64)),
            r"must be of a common dtype, got torch\.complex64 for extra",
        ),
    ],
)
def test_state_that_is_no_plain_tensor_is_refused(tmp_path, build, reason):
    model = attach(build(), SLOTS["mlp"], draw_inputs("mlp"), generator=build_seeded())
    with pytest.raises(ArtifactError, match=reason) as refusal:
        save_export(model, tmp_path, host={})
    assert "\n" not in str(refusal.value)
    assert list(tmp_path.iterdir()) == []
