"""Records of what happened in a run."""

from __future__ import annotations

import json

import pytest

from tamiyo.contracts import encode_record
from tests.support.stories import build_whole_run, build_whole_training, tell


@pytest.mark.parametrize("build", [build_whole_run, build_whole_training])
def test_a_story_becomes_json(tmp_path, build):
    story = tell(tmp_path, build())
    plain = json.loads(json.dumps(encode_record(story)))
    assert plain["events"] == len(build())
    assert plain["hosts"][0]["task"] == "digits-cnn"
