from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.nn import functional as F

import tamiyo
from tamiyo.model import count_trainable, drawing_from, list_fossils
from tamiyo.recipes import GrowResult

FOLDER = Path(__file__).resolve().parents[2] / "examples"

SEED = """\
[[seed]]
slot = "r0c0"
germinate = 1
blueprint = "{blueprint}"
tempo = "fast"
"""

# What a user of the export has: PyTorch, the module's own code and the exported folder.
FRESH_PROCESS = """\
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tamiyo", "safetensors", "sklearn"}:
            raise ImportError(f"{name} is not installed here")

sys.meta_path.insert(0, Refuse())
folder, threads = sys.argv[1], int(sys.argv[2])
sys.path[:0] = [folder, f"{folder}/export"]
import torch
import network
from model import build_model

torch.set_num_threads(threads)
inputs, expected = torch.load(f"{folder}/batch.pt", weights_only=True)
with torch.no_grad():
    outputs = network.load(f"{folder}/export", build_model)(inputs)
assert torch.equal(outputs, expected), (outputs - expected).abs().max()
"""


@dataclass(frozen=True)
class Example:
    """An example, how long a short run of it is, and inputs for its network."""

    module: ModuleType
    blueprint: str
    epochs: int
    inputs: torch.Tensor


def draw_example(name: str, blueprint: str, epochs: int, *shape: int) -> Example:
    generator = torch.Generator().manual_seed(0)
    is_text = name == "small_transformer"
    draw = partial(torch.randint, 50) if is_text else torch.rand
    module = importlib.import_module(f"examples.{name}")
    return Example(module, blueprint, epochs, draw(shape, generator=generator))


EXAMPLES = [
    draw_example("own_cnn_loop", "conv_heavy", 14, 8, 1, 8, 8),
    draw_example("resnet", "conv_heavy", 14, 8, 1, 8, 16),
    draw_example("small_transformer", "mlp", 16, 8, 32),
    draw_example("tabular_mlp", "mlp", 12, 8, 10),
]


def name_of(example: Example) -> str:
    return example.module.__name__


@pytest.fixture(scope="module", params=EXAMPLES, ids=name_of)
def short_run(request, tmp_path_factory) -> tuple[Example, Any]:
    """A short run in which one seed is planted at once and kept as soon as its gate passes."""
    example: Example = request.param
    plan = tmp_path_factory.mktemp("plan") / "plan.toml"
    plan.write_text(SEED.format(blueprint=example.blueprint))
    controller = f"schedule:{plan}"
    return example, example.module.run(0, epochs=example.epochs, controller=controller)


def test_an_example_grows_within_its_budget(short_run):
    example, result = short_run
    host = count_trainable(example.module.build_model())
    assert [fossil.slot_id for fossil in list_fossils(result.model)] == ["r0c0"]
    assert host < count_trainable(result.network) <= example.module.MAX_PARAMETERS


def test_an_export_answers_bit_for_bit_where_only_pytorch_is(short_run, tmp_path):
    example, result = short_run
    (tmp_path / "export").mkdir()
    tamiyo.save_export(result.model, tmp_path / "export", host={"example": name_of(example)})
    (tmp_path / "model.py").write_text(cut_out_model(example.module))
    with torch.no_grad():
        torch.save((example.inputs, result.network(example.inputs)), tmp_path / "batch.pt")
    command = [sys.executable, "-c", FRESH_PROCESS, tmp_path, str(torch.get_num_threads())]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def cut_out_model(module: ModuleType) -> str:
    """Return ``build_model`` of an example with what it refers to, and nothing else of it."""
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    homes = {name: node for node in tree.body for name in names_bound_by(node)}
    wanted, names = set(), ["annotations", "build_model"]
    while names:
        node = homes.get(names.pop())
        if node is not None and node not in wanted:
            wanted.add(node)
            names += [leaf.id for leaf in ast.walk(node) if isinstance(leaf, ast.Name)]
    return ast.unparse(ast.Module([node for node in tree.body if node in wanted], []))


def names_bound_by(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name for alias in node.names]
    if isinstance(node, ast.ClassDef | ast.FunctionDef):
        return [node.name]
    return [node.target.id] if isinstance(node, ast.AnnAssign) else []


def test_the_loop_of_ones_own_trains_an_ungrown_model_as_it_would_without_tamiyo():
    example = EXAMPLES[0].module
    outcome = example.run(3, epochs=6, controller="wait-only")
    train, _ = example.load_data(3)
    with drawing_from(torch.Generator().manual_seed(3)):
        model = example.build_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
    for _ in range(6):
        for images, labels in train:
            optimizer.zero_grad()
            F.cross_entropy(model(images), labels).backward()
            optimizer.step()
        scheduler.step()
    trained = outcome.network.state_dict()
    assert all(torch.equal(trained[name], value) for name, value in model.state_dict().items())


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=name_of)
def test_growing_ends_better_than_training_the_model_alone(example):
    grown, alone = (example.module.run(0, controller=c) for c in ("heuristic", "wait-only"))
    assert points_of(grown) > points_of(alone)


def points_of(result: Any) -> float:
    """Control metric as points, 100 of which are perfect."""
    return result.result.control_accuracy if isinstance(result, GrowResult) else result.accuracy
