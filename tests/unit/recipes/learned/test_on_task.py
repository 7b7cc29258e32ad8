"""A controller is judged on what it was trained for; whole runs are in test_task_training."""

from __future__ import annotations

import pytest

from tamiyo.contracts import ArtifactError
from tamiyo.recipes import RunFolder, TrainConfig
from tamiyo.recipes.learned.on_task import compare_on_task


def test_a_folder_without_a_checkpoint_is_refused_before_anything_is_trained(tmp_path):
    config = TrainConfig(task="spirals", envs=8)
    shares = []
    with pytest.raises(ArtifactError, match=str(tmp_path)):
        compare_on_task(
            config, RunFolder(tmp_path), seeds=2, first_seed=0, on_progress=shares.append
        )
    assert shares == []
