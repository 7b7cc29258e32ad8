"""The listener that is told of nothing."""

from __future__ import annotations

from tamiyo.learning.watching import NoListener


def test_no_listener_listens_to_no_environment():
    assert len(NoListener.rows) == 0
    assert NoListener().hear(0, {}, 0.0) is None
