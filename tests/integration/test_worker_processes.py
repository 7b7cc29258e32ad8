"""Worker processes and whoever owns them, when a signal comes from outside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.shards import wait_until

pytestmark = pytest.mark.slow


class Owner:
    """A process group of an owner and its workers, caught in the middle of a step."""

    def __init__(self, folder, kind):
        command = [sys.executable, "-m", "tests.support.owners", str(folder), kind]
        # A group of its own, as a shell makes one of a command.
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0
        )
        self.workers, self.blocks = [], []
        for word in self.process.stdout.readline().split():
            (self.workers if word.isdigit() else self.blocks).append(word)
        wait_until(lambda: any(folder.iterdir()))

    def has_left_nothing(self):
        paths = [Path("/proc") / process_id for process_id in self.workers]
        paths.extend(Path("/dev/shm") / name for name in self.blocks)
        return not any(path.exists() for path in paths)


def test_an_interrupt_of_the_group_lets_the_step_be_finished(tmp_path):
    owner = Owner(tmp_path, "patient")
    os.killpg(owner.process.pid, signal.SIGINT)
    said, complaints = owner.process.communicate(timeout=60)
    assert (said.split(), complaints) == (["True", "True"], "")
    assert owner.has_left_nothing()


def test_an_owner_that_gives_up_at_once_takes_its_workers_along(tmp_path):
    owner = Owner(tmp_path, "hasty")
    os.killpg(owner.process.pid, signal.SIGINT)
    _, complaints = owner.process.communicate(timeout=60)
    assert complaints.rstrip().endswith("KeyboardInterrupt")
    assert complaints.count("Traceback") == 1
    assert owner.has_left_nothing()


def test_workers_and_memory_do_not_outlive_an_owner_that_was_killed(tmp_path):
    owner = Owner(tmp_path, "patient")
    os.kill(owner.process.pid, signal.SIGKILL)
    owner.process.wait()
    wait_until(owner.has_left_nothing)
    owner.process.communicate()
