from __future__ import annotations

import json
import sys

import pytest
import torch

from tests.support.commands import SETTINGS, TRAIN_SETTINGS, call, flag_of


@pytest.mark.requirement("8.5")
def test_every_default_is_printed_in_full_with_its_owner(capsys):
    code, out, _ = call(capsys, "describe", "defaults", "--json")
    rows = {(row["command"], row["flag"]): row for row in json.loads(out)["defaults"]}
    assert code == 0
    flags = {"grow": SETTINGS, "train": TRAIN_SETTINGS}
    assert list(rows) == [(name, flag_of(path)) for name, paths in flags.items() for path in paths]
    assert rows["grow", "--tracker.smoothing"]["owner"] == "TrackerConfig"
    assert rows["grow", "--engine"]["default"] == "auto"
    _, out, _ = call(capsys, "describe", "defaults")
    printed = out.split()
    assert [flag for _, flag in rows if flag not in printed] == []


def test_tasks_are_described_one_below_the_other(capsys):
    _, out, _ = call(capsys, "describe", "task")
    lines = [line.rstrip() for line in out.splitlines()]
    assert {"digits-canvas", "digits-cnn"} <= set(lines)
    assert " closing epochs                10" in lines
    _, out, _ = call(capsys, "describe", "task", "--task", "digits-cnn", "--json")
    (task,) = json.loads(out)["task"]
    assert (task["name"], task["slots"]["r0c2"]) == ("digits-cnn", "pool")


@pytest.mark.parametrize(
    ("topic", "row"),
    [
        (
            "lifecycle",
            ["6", "HOLDING", "FOSSILIZED", "BLENDING", "PRUNED", "G5", "to", "FOSSILIZED"],
        ),
        ("actions", ["slot", "r0c0", "r0c1", "r0c2", "r0c0", "op", "GERMINATE"]),
    ],
)
def test_tables_have_a_row_for_each_entry(capsys, topic, row):
    _, out, _ = call(capsys, "describe", topic)
    assert row in [line.split() for line in out.splitlines()]


def test_actions_are_described_with_the_names_heads_have(capsys):
    _, out, _ = call(capsys, "describe", "actions", "--json")
    heads = json.loads(out)["actions"]
    assert [head["head"] for head in heads][:3] == ["op", "slot", "blueprint"]
    assert heads[7]["depends on"] == ["op", "slot", "alpha_speed"]


def test_the_lifecycle_shows_every_gate(capsys):
    _, out, _ = call(capsys, "describe", "lifecycle", "--json")
    gates = {row["stage"]: row["gate"] for row in json.loads(out)["lifecycle"] if row["gate"]}
    assert gates == {
        "GERMINATED": "G1 to TRAINING",
        "TRAINING": "G2 to BLENDING",
        "BLENDING": "G3 to HOLDING",
        "HOLDING": "G5 to FOSSILIZED",
    }


@pytest.mark.requirement("1.1")
def test_an_observation_is_described_index_by_index(capsys):
    code, out, _ = call(capsys, "describe", "observation", "--slots", "2", "--telemetry", "--json")
    rows = json.loads(out)["observation"]
    assert code == 0
    assert [row["index"] for row in rows] == list(range(23 + 2 * (39 + 26)))
    assert rows[23]["name"] == "slot0.active"
    assert rows[2]["range"] == "[-1, 2]"
    assert (rows[2]["unknown"], rows[0]["unknown"]) == (-2, None)


def test_names_of_an_observation_are_never_cut(capsys):
    _, out, _ = call(capsys, "describe", "observation")
    lines = [line.split() for line in out.splitlines()]
    assert len(lines) == 1 + 23 + 3 * 39
    assert lines[0] == ["index", "name", "unit", "range", "unknown", "meaning"]
    assert lines[1 + 35][:2] == ["35", "slot0.contribution"]


def test_an_observation_without_slots_is_refused(capsys):
    code, _, errors = call(capsys, "describe", "observation", "--slots", "0")
    assert code == 2
    assert "slots must be at least 1, got 0" in errors


def test_blueprints_are_described_for_the_channels_asked_for(capsys):
    _, out, _ = call(capsys, "describe", "blueprints", "--channels", "4", "--json")
    rows = {row["blueprint"]: row for row in json.loads(out)["blueprints"]}
    assert rows["NOOP"]["parameters at 4 channels"] in {0, None}
    assert rows["CONV_LIGHT"]["parameters at 4 channels"] > 0


@pytest.mark.parametrize(
    ("topology", "fits", "does_not"),
    [
        ("cnn", "CONV_HEAVY", "FLEX_ATTENTION"),
        ("sequence", "MLP", "CONV_HEAVY"),
        ("vector", "MLP", "ATTENTION"),
    ],
)
def test_blueprints_are_described_for_the_topology_asked_for(capsys, topology, fits, does_not):
    words = ["describe", "blueprints", "--topology", topology, "--channels", "16", "--json"]
    _, out, _ = call(capsys, *words)
    rows = {row["blueprint"]: row for row in json.loads(out)["blueprints"]}
    assert rows[fits]["parameters at 16 channels"] > 0
    assert rows[fits]["f(h)"]
    assert rows[does_not]["parameters at 16 channels"] is rows[does_not]["f(h)"] is None


# --- hosts of the user's own ----------------------------------------------------------------------

HOSTS = """
import sys

import torch
from torch import nn

print("loading")
SIZE = 3


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.unused = nn.Linear(2, 2)
        self.spare = nn.Linear(2, 2)
        self.flatten = nn.Flatten()
        self.head = nn.Linear(256, 10)

    def forward(self, images):
        return self.head(self.flatten(torch.relu(self.stem(images))))


class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 2)

    def forward(self, inputs):
        raise KeyboardError("no keys")


class KeyboardError(Exception):
    pass


class Bare(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(2))

    def forward(self, inputs):
        return inputs * self.weight


def build_pair():
    return Net(), torch.zeros(2, 1, 8, 8)


def build_text():
    return nn.Sequential(nn.Embedding(16, 8), nn.Linear(8, 16))


def build_deep():
    network = nn.Sequential(nn.Linear(3, 3))
    for _ in range(6):
        inner, network = network, nn.Sequential()
        network.add_module("layer_of_a_long_name", inner)
    network.add_module("head", nn.Linear(3, 2))
    return network


def build_wide(width):
    return nn.Linear(width, width)


def build_none():
    return None


def fail():
    raise ValueError("no\\nluck")
"""


@pytest.fixture
def hosts(tmp_path, monkeypatch):
    """A module of a name of its own, since a process imports a name once; its name."""
    name = f"hosts_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(HOSTS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name


def describe(capsys, factory, *words):
    return call(capsys, "describe", "host", "--module", factory, *words)


def test_a_host_is_described_as_places_for_slots(capsys, hosts):
    code, out, err = describe(capsys, f"{hosts}:Net", "--input", "2,1,8,8", "--json")
    rows = {row["path"]: row for row in json.loads(out)["host"]}
    assert (code, err, out.count("\n")) == (0, "loading\n", 1)
    assert list(rows) == ["stem", "unused", "spare", "flatten", "head"]
    assert rows["stem"] == {
        "path": "stem",
        "type": "Conv2d",
        "parameters": 40,
        "output": [2, 4, 8, 8],
        "topology": "cnn",
        "slot": "r0c0",
        "refusal": None,
    }
    assert (rows["unused"]["output"], rows["unused"]["slot"]) == (None, None)
    assert "got no run" in rows["unused"]["refusal"]


def test_reasons_against_a_slot_stand_below_the_table_once(capsys, hosts):
    _, out, _ = describe(capsys, f"{hosts}:Net", "--input", "2,1,8,8")
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["path", "type", "parameters", "output", "topology", "slot"]
    assert ["stem", "Conv2d", "40", "2", "4", "8", "8", "cnn", "r0c0"] in lines
    assert ["spare", "Linear", "6", "-", "-", "no", "1"] in lines
    assert ["head", "Linear", "2570", "2", "10", "vector", "possible"] in lines
    assert out.count("got no run") == 1


def test_the_factory_may_bring_an_example(capsys, hosts):
    _, own, _ = describe(capsys, f"{hosts}:build_pair")
    _, drawn, _ = describe(capsys, f"{hosts}:Net", "--input", "2,1,8,8")
    assert own == drawn


def test_an_example_of_tokens_can_be_drawn(capsys, hosts):
    words = ["--input", "2,6", "--input-high", "16", "--json"]
    _, out, _ = describe(capsys, f"{hosts}:build_text", *words)
    rows = json.loads(out)["host"]
    assert [(row["output"], row["topology"]) for row in rows] == [
        ([2, 6, 8], "sequence"),
        ([2, 6, 16], "sequence"),
    ]


def test_paths_are_never_cut(capsys, hosts):
    _, out, _ = describe(capsys, f"{hosts}:build_deep", "--input", "2,3")
    assert "layer_of_a_long_name." * 6 + "0" in out.split()


REFUSED = {
    "nowhere:build --input 2,1": "module nowhere must be importable, got ModuleNotFoundError: No m",
    "HOSTS --input 2,1": "module must be written PACKAGE.MODULE:FACTORY, for example my_models",
    ":Net --input 2,1": "module must be written PACKAGE.MODULE:FACTORY",
    "HOSTS: --input 2,1": "module must be written PACKAGE.MODULE:FACTORY",
    "HOSTS:Gnat --input 2,1": "factory must be a name in module HOSTS, got 'Gnat'",
    "HOSTS:SIZE --input 2,1": "factory HOSTS:SIZE must be callable, got int",
    "HOSTS:build_wide --input 2,1": "must build a host without arguments, got TypeError: ",
    "HOSTS:build_none --input 2,1": "must return an nn.Module, or one and an example batch, got ",
    "HOSTS:fail --input 2,1": "got ValueError: no luck (HOSTS.py line ",
    "HOSTS:Net": "an example batch must be given to see what each module puts out, got none",
    "HOSTS:Net --input 2,3": "host of HOSTS:Net must take the example, got RuntimeError: ",
    "HOSTS:Broken --input 2,2": "take the example, got KeyboardError: no keys (HOSTS.py line ",
    "HOSTS:Bare --input 2,2": "host must hold modules that can be slots, got Bare alone",
    "HOSTS:Net --input 2,0": "input must be sizes of at least 1 with commas between, the batch",
    "HOSTS:Net --input 2,x": "for example 2,1,8,8, got '2,x'",
    "HOSTS:Net --input-high 4": "input_high must come with a shape, --input 2,64, got 4 alone",
    "HOSTS:Net --input 2,4 --input-high 0": "input_high must be at least 1, got 0",
}


@pytest.mark.parametrize("words", REFUSED)
def test_a_mistake_about_a_host_is_refused_in_one_line(capsys, hosts, words):
    code, out, err = describe(capsys, *words.replace("HOSTS", hosts).split())
    refusal = err.removeprefix("loading\n")
    assert (code, out, refusal.count("\n")) == (2, "", 1)
    assert refusal.startswith("tamiyo: ")
    assert REFUSED[words].replace("HOSTS", hosts) in refusal


def test_a_host_must_be_named_to_be_described(capsys):
    code, out, err = call(capsys, "describe", "host")
    assert (code, out) == (2, "")
    assert "--module must be given to describe a host, got nothing" in err


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import nosuchlibrary", "ModuleNotFoundError: No module named 'nosuchlibrary'"),
        ("def build(:", "SyntaxError: invalid syntax"),
        ("SIZE = 1 / 0", "ZeroDivisionError: division by zero (NAME.py line 1)"),
        ("import sys\nsys.exit(3)", "SystemExit: 3 (NAME.py line 2)"),
    ],
    ids=["import", "syntax", "error", "exit"],
)
def test_a_module_that_cannot_be_imported_is_refused(capsys, hosts, tmp_path, text, found):
    name = f"{hosts}_bad"
    (tmp_path / f"{name}.py").write_text(text)
    code, _, err = describe(capsys, f"{name}:build", "--input", "2,2")
    assert (code, err.count("\n")) == (2, 1)
    assert f"module {name} must be importable, got {found.replace('NAME', name)}" in err


def test_describing_leaves_the_import_path_and_the_global_generator_alone(capsys, hosts):
    before, state = list(sys.path), torch.random.get_rng_state()
    describe(capsys, f"{hosts}:Net", "--input", "2,1,8,8")
    assert sys.path == before
    assert torch.equal(torch.random.get_rng_state(), state)
