from __future__ import annotations

import time
from threading import Thread

from tamiyo.ui.live_page.feed import StateFeed


def test_a_feed_is_empty_until_a_state_is_published():
    feed = StateFeed()
    assert feed.newest is None
    assert feed.wait(0, 0.0) is None


def test_a_viewer_that_comes_late_gets_the_newest_state_only():
    feed = StateFeed()
    for text in ("first", "second", "third"):
        feed.publish(text)
    edition = feed.wait(0, 0.0)
    assert (edition.number, edition.text) == (3, "third")


def test_a_viewer_waits_for_what_it_has_not_seen():
    feed = StateFeed()
    feed.publish("first")
    assert feed.wait(1, 0.0) is None


def test_an_equal_state_is_no_news():
    feed = StateFeed()
    feed.publish("same")
    feed.publish("same")
    assert feed.newest.number == 1


def test_a_new_state_wakes_every_waiting_viewer():
    feed, seen = StateFeed(), []
    viewers = [Thread(target=lambda: seen.append(feed.wait(0, 20.0).text)) for _ in range(5)]
    for viewer in viewers:
        viewer.start()
    feed.publish("news")
    for viewer in viewers:
        viewer.join(20)
    assert seen == ["news"] * 5


def test_closing_lets_waiting_viewers_go_at_once():
    feed = StateFeed()
    began = time.monotonic()
    viewer = Thread(target=feed.wait, args=(0, 20.0))
    viewer.start()
    feed.close()
    feed.close()
    viewer.join(20)
    assert feed.is_closed
    assert time.monotonic() - began < 10


def test_a_closed_feed_gives_nothing_out():
    feed = StateFeed()
    feed.publish("first")
    feed.close()
    assert feed.wait(0, 0.0) is None
