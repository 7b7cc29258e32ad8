"""The audit of dependencies: silent on this project, and loud about each planted fault."""

from __future__ import annotations

from dataclasses import replace
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tools.audit import Project, find_faults, read_project


class Installed:
    """A distribution as importlib.metadata describes one."""

    def __init__(self, version="1.2", requires=(), **metadata):
        self.version = version
        self.requires = list(requires)
        self.metadata = Message()
        for name, value in (metadata or {"License-Expression": "MIT"}).items():
            self.metadata[name.replace("_", "-")] = value


SOUND = Project(
    declared=(Requirement("one>=1,<2"),),
    lock=("one==1.2", "two==3.0"),
    installed={
        "one": Installed(requires=["two", "other; extra == 'more'"]),
        "two": Installed("3.0+cpu", License_Expression="(Apache-2.0 OR BSD-3-Clause)"),
    },
)


def audit(*, one=None, **changes):
    project = replace(SOUND, **changes)
    if one is not None:
        project = replace(project, installed={**SOUND.installed, "one": one})
    return list(find_faults(project))


def test_this_project_is_sound():
    assert list(find_faults(read_project(Path(__file__).resolve().parent.parent))) == []


def test_a_sound_project_has_no_faults():
    assert audit() == []


@pytest.mark.parametrize("line", ["one>=1.2", "one", "one==1.*", "ONE==1.2", "-r other.txt"])
def test_every_line_of_the_lock_is_one_exact_pin(line):
    assert f"as name==version, got {line!r}" in "".join(audit(lock=(*SOUND.lock, line)))


@pytest.mark.parametrize(
    ("lock", "fault"),
    [
        (("one==2.0", "two==3.0"), "must satisfy one<2,>=1 of pyproject.toml, got 2.0"),
        (("two==3.0",), "must satisfy one<2,>=1 of pyproject.toml, got None"),
        (("one==1.3", "two==3.0"), "one must be installed at 1.3 as locked, got 1.2"),
        (("one==1.2",), "installed packages must be in requirements.lock, got two"),
        ((*SOUND.lock, "three==1"), "must hold what something needs, got three"),
        ((*SOUND.lock, "other==1"), "must hold what something needs, got other"),
    ],
)
def test_a_lock_that_does_not_fit_is_found(lock, fault):
    assert fault in "\n".join(audit(lock=lock))


@pytest.mark.parametrize(
    "metadata",
    [
        {"License_Expression": "GPL-3.0-only"},
        {"License_Expression": "MIT AND GPL-3.0-only"},
        {"Classifier": "License :: OSI Approved :: GNU Affero General Public License v3"},
        {"License": "Proprietary"},
        {"Name": "one"},
    ],
)
def test_a_license_that_is_not_on_the_list_is_found(metadata):
    (fault,) = audit(one=Installed(requires=["two"], **metadata))
    assert fault.startswith("license of one must be on the list")


@pytest.mark.parametrize(
    "metadata",
    [
        {"License_Expression": "MIT-CMU"},
        {"Classifier": "License :: OSI Approved :: BSD License"},
        {"License": "BSD 3-Clause License\n\nCopyright"},
    ],
)
def test_a_permissive_license_may_be_told_in_any_of_three_ways(metadata):
    assert audit(one=Installed(requires=["two"], **metadata)) == []
