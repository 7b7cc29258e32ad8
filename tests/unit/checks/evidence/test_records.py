"""Evidence is gone through epoch by epoch."""

from __future__ import annotations

from tests.support.evidence import observe_hosts, observe_learner


def test_every_epoch_of_every_host_is_walked_once():
    evidence = observe_hosts()
    walked = [(course.name, step.epoch) for course, step in evidence.walk()]
    assert len(walked) == len(set(walked)) == 8 * 24


def test_without_hosts_there_is_nothing_to_walk():
    assert list(observe_learner().walk()) == []
