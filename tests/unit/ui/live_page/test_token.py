from __future__ import annotations

import re

import pytest

from tamiyo.contracts import ArtifactError
from tamiyo.ui.live_page.token import build_token, load_token


def test_every_token_is_another_one_that_fits_an_address():
    tokens = {build_token() for _ in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{32}", token) for token in tokens)


def test_a_token_is_kept_in_a_file_for_its_owner_only(tmp_path):
    path = tmp_path / "token"
    token = load_token(path)
    assert load_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_token_file_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "token"
    load_token(path)
    path.chmod(0o644)
    with pytest.raises(ArtifactError, match=r"mode 644: chmod 600"):
        load_token(path)


@pytest.mark.parametrize("text", ["", "short", "x" * 300, "x" * 40 + "/", "x" * 40 + "\nmore"])
def test_a_file_without_a_token_is_refused(tmp_path, text):
    path = tmp_path / "token"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ArtifactError, match=rf"got {len(text)} characters"):
        load_token(path)


def test_a_file_that_cannot_be_written_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="missing/token: No such file"):
        load_token(tmp_path / "missing" / "token")


def test_a_folder_is_no_token_file(tmp_path):
    with pytest.raises(ArtifactError, match="Is a directory"):
        load_token(tmp_path)
