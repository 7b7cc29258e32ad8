from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import ArtifactError, ConfigError
from tamiyo.model import detach, save_export
from tamiyo.recipes import load_network
from tests.support.tasks import build_model, build_tiny_data, build_tiny_host


@pytest.mark.parametrize("host", [{}, {"name": "cnn"}, {"name": 3, "arguments": {}}])
def test_an_export_of_a_host_that_has_no_recipe_is_refused(tmp_path, host):
    save_export(build_model(), tmp_path, host=host)
    with pytest.raises(ArtifactError, match="host of an export must have a name and arguments"):
        load_network(tmp_path)


def test_a_host_of_the_users_own_is_built_by_the_caller(tmp_path):
    model = build_model()
    save_export(model, tmp_path, host={"class": "mine"})
    inputs = build_tiny_data().control.inputs
    with torch.no_grad():
        loaded = load_network(tmp_path, build_tiny_host)(inputs)
        assert torch.equal(loaded, detach(model).eval()(inputs))


@pytest.mark.parametrize(
    ("builder", "got"),
    [
        (build_tiny_host(), "got Sequential: give the function, as in tamiyo.load"),
        ("host", "got str: give the function"),
        (lambda: None, "got one that returns NoneType: return the bare model"),
        (lambda: (build_tiny_host(), 1), "got one that returns tuple"),
        (lambda: 1 / 0, "got ZeroDivisionError: division by zero: call it by itself"),
        (lambda width: build_tiny_host(), "got TypeError: .* missing 1 required .* 'width'"),
    ],
)
def test_what_builds_no_host_is_refused_in_one_line(tmp_path, builder, got):
    save_export(build_model(), tmp_path, host={})
    rule = "build_host must be a function without arguments that builds the bare host, "
    with pytest.raises(ConfigError, match=rule + got) as refusal:
        load_network(str(tmp_path), builder)
    assert "\n" not in str(refusal.value)


def test_a_network_grown_twice_is_built_on_the_one_grown_first(tmp_path):
    first = build_model()
    save_export(first, tmp_path / "first", host={})
    save_export(build_model(lambda: detach(first)), tmp_path / "second", host={})
    loaded = load_network(
        tmp_path / "second", lambda: load_network(tmp_path / "first", build_tiny_host)
    )
    inputs = build_tiny_data().control.inputs
    assert torch.equal(loaded(inputs), first.eval()(inputs))
    with pytest.raises(ArtifactError, match=r"absent.growth\.json must be a readable file"):
        load_network(tmp_path / "second", lambda: load_network(tmp_path / "absent"))
