from __future__ import annotations

import pytest
import torch

from tamiyo.contracts import ArtifactError
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
