from __future__ import annotations

from multiprocessing.shared_memory import SharedMemory
from pathlib import Path

import pytest

from tamiyo.engine.workers import shared_arrays


class Blocks:
    """The shared memory that was taken during a test."""

    def __init__(self):
        self.names = []

    def list_left(self):
        return [name for name in self.names if (Path("/dev/shm") / name).exists()]


@pytest.fixture
def blocks(monkeypatch):
    blocks = Blocks()

    class Recorded(SharedMemory):
        def __init__(self, *arguments, **settings):
            super().__init__(*arguments, **settings)
            blocks.names.append(self.name)

    monkeypatch.setattr(shared_arrays, "SharedMemory", Recorded)
    return blocks
