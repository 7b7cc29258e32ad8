"""The live page in a real browser."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from threading import Thread
from urllib.parse import urlsplit

import pytest

from tamiyo.contracts import (
    AlarmRaised,
    EpisodeStarted,
    EpochCompleted,
    RunStarted,
    UpdateCompleted,
)
from tamiyo.telemetry import JsonlSink
from tamiyo.ui import LivePageServer, LogPublisher, StateFeed
from tamiyo.ui.live_page.assets import Asset
from tests.support.browser import Browser, needs_browser
from tests.support.browsing import TOKEN
from tests.support.browsing import serving as serving_states
from tests.support.events import build_one_of_each, build_run

pytestmark = needs_browser

CONNECTED = "document.getElementById('connection').textContent === 'connected'"
FOCUSED = "document.activeElement.id || document.activeElement.tagName"


@contextmanager
def serving(log, *, port=0, token=TOKEN, beat_seconds=5.0):
    feed = StateFeed()
    server = LivePageServer(feed, port=port, token=token, beat_seconds=beat_seconds)
    threads = [
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True),
        Thread(target=LogPublisher(log, feed).follow, daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        yield server
    finally:
        feed.close()
        server.shutdown()
        server.server_close()
        for thread in threads:
            thread.join(20)


def write(log, events):
    with JsonlSink(log, append=True) as sink:
        for event in events:
            sink.emit(event)


def build_training():
    """One of each event but of a run, a second environment in its third epoch, two updates."""
    events = [one for one in build_one_of_each() if not isinstance(one, RunStarted)]
    start = next(one for one in events if isinstance(one, EpisodeStarted))
    epochs = [one for one in build_run(epochs=3) if isinstance(one, EpochCompleted)]
    second = [replace(start, environment=1, episode=7, host=replace(start.host, environment=1))]
    second += [replace(one, environment=1, host=replace(one.host, environment=1)) for one in epochs]
    update = next(one for one in events if isinstance(one, UpdateCompleted))
    later = replace(update.report, update=2, steps=2 * update.report.steps)
    return [*events, *second, UpdateCompleted(report=later)]


@pytest.fixture(scope="module")
def browser():
    with Browser() as one:
        yield one


@pytest.fixture
def open_page(browser, tmp_path):
    """Open the page of a log with these events; give the browser."""
    with ExitStack() as stack:

        def open_it(events):
            write(tmp_path / "events.jsonl", events)
            server = stack.enter_context(serving(tmp_path / "events.jsonl"))
            browser.errors.clear()
            browser.requests.clear()
            browser.resize(1280)
            browser.open(server.address)
            browser.wait_for(CONNECTED)
            browser.wait_for("document.getElementById('environments').hidden === false")
            return browser

        yield open_it
        browser.open("about:blank")


def test_the_page_shows_a_growing_network(open_page):
    page = open_page(build_run(epochs=30, is_finished=False))
    assert page.text("h1") == "Growing a network on digits-cnn"
    assert "30 of 60 epochs" in page.text("#pace")
    slots = page.evaluate("[...document.querySelectorAll('#slots > li')].map((e) => e.innerText)")
    assert [text.split("\n")[0] for text in slots] == [
        "input", "free", "fossilized", "training", "output",
    ]  # fmt: skip
    assert "conv light" in slots[2]
    assert "320" in slots[2]
    decided = page.text("#decisions")
    assert "germinate depthwise in r0c2" in decided
    assert "plateau for 3 epochs" in decided


def test_colors_of_stages_and_alpha_are_drawn_under_the_strict_policy(open_page):
    page = open_page(build_run(epochs=30, is_finished=False))
    bar = "document.querySelectorAll('#slots .alpha i')"
    assert page.evaluate(f"getComputedStyle({bar}[0]).backgroundColor") == "rgb(0, 158, 115)"
    assert page.evaluate(f"{bar}[0].style.width") == "100%"
    assert page.evaluate(f"{bar}[1].style.width") == "0%"


def test_the_page_shows_a_training(open_page):
    page = open_page(build_training())
    assert page.text("h1").startswith("Training a controller on tamiyo/Surrogate-v0")
    assert "ratio rose to 7.1, above 5" in page.text("#alarms")
    assert page.evaluate("document.querySelector('#alarm-list').ariaLive") == "polite"
    assert "80 %" in page.text("#head-list")
    assert "train 77 %" in page.text("#phases")
    label = "document.querySelector('#curves svg').getAttribute('aria-label')"
    assert page.evaluate(label).startswith("return per episode")


def test_the_page_follows_what_is_written(open_page, tmp_path):
    events = build_run(epochs=40, is_finished=False)
    cut = next(n for n, one in enumerate(events) if getattr(one, "epoch", 0) == 31)
    page = open_page(events[:cut])
    assert "30 of 60" in page.text("#pace")
    write(tmp_path / "events.jsonl", events[cut:])
    page.wait_for("document.getElementById('pace').textContent.startsWith('40 of 60')")
    assert "went back 1 time" in page.text("#environment-line")
    assert re.search(
        r"40 of 60 epochs · [\d.]+ epochs per second · about .* left", page.text("#pace")
    )
    assert page.errors == []


def test_nothing_is_asked_of_another_host_and_the_console_is_silent(open_page):
    page = open_page(build_training())
    hosts = {urlsplit(one).netloc for one in page.requests if not one.startswith("about:")}
    assert len(hosts) == 1
    assert hosts.pop().startswith("127.0.0.1:")
    assert page.errors == []


def test_environments_are_switched_by_keys(open_page):
    page = open_page(build_training())
    assert "episode 4" in page.text("#environment-title")
    page.evaluate("document.getElementById('tab-0').focus()")
    page.press("ArrowRight")
    page.wait_for("document.getElementById('environment-title').textContent.includes('episode 8')")
    assert page.evaluate(FOCUSED) == "tab-1"
    assert page.evaluate("document.getElementById('tab-1').ariaSelected") == "true"
    page.press("ArrowRight")
    assert page.evaluate(FOCUSED) == "tab-0"
    page.press("End")
    assert page.evaluate(FOCUSED) == "tab-1"


def test_what_is_chosen_and_focused_survives_news(open_page, tmp_path):
    page = open_page(build_training())
    page.evaluate("document.getElementById('tab-1').click()")
    alarm = next(one for one in build_one_of_each() if isinstance(one, AlarmRaised))
    write(tmp_path / "events.jsonl", [replace(alarm, message="something new")])
    page.wait_for("document.getElementById('alarms').textContent.includes('something new')")
    assert page.evaluate(FOCUSED) == "tab-1"
    assert "episode 8" in page.text("#environment-title")


def test_keys_go_through_the_page_in_its_order(open_page):
    page = open_page(build_training())
    order = []
    for _ in range(4):
        page.press("Tab")
        order.append(page.evaluate(FOCUSED))
    assert order == ["A", "tab-0", "panel", "SUMMARY"]


def test_words_of_the_log_never_become_markup(open_page):
    words = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    events = build_run(epochs=12, is_finished=False)
    decided = next(one for one in events if getattr(one, "refusal", 0) is None)
    command = replace(decided.command, op=type(decided.command.op).PRUNE, reason=words)
    start = replace(events[0], task=words, controller=words)
    page = open_page([start, *events[1:], replace(decided, command=command)])
    assert words in page.text("h1")
    assert words in page.text("#decisions")
    assert page.evaluate("document.querySelectorAll('img, body script').length") == 0
    assert page.errors == []


@pytest.mark.parametrize("width", [320, 400, 1280])
def test_nothing_is_wider_than_the_window(open_page, width):
    page = open_page(build_training())
    page.resize(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_in_both_schemes(open_page, scheme):
    page = open_page(build_training())
    page.prefer(scheme)
    script = """(() => {
      const parse = (text) => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
      const light = (rgb) => rgb.map((v) => v / 255)
        .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
      const paper = (e) => {
        for (; e; e = e.parentElement) {
          const color = getComputedStyle(e).backgroundColor;
          if (!color.endsWith(', 0)')) return color;
        }
      };
      const faint = [];
      for (const e of document.querySelectorAll('body *')) {
        if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
        const style = getComputedStyle(e);
        const ink = e.namespaceURI.endsWith('svg') ? style.fill : style.color;
        const [a, b] = [light(parse(ink)), light(parse(paper(e)))].sort((x, y) => y - x);
        if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(`${e.tagName} ${e.textContent}`);
      }
      return faint;
    })()"""
    assert page.evaluate(script) == []


def test_every_picture_and_field_has_a_name(open_page):
    page = open_page(build_training())
    pictures = "[...document.querySelectorAll('svg')].filter((e) => !e.ariaHidden && !e.ariaLabel)"
    assert page.evaluate(f"{pictures}.length") == 0
    tree = page.call("Accessibility.getFullAXTree")["nodes"]
    needed = {"tab", "tabpanel", "progressbar", "img", "region", "table", "button", "link"}
    nodes = [one for one in tree if one.get("role", {}).get("value") in needed]
    unnamed = [one["role"]["value"] for one in nodes if not one.get("name", {}).get("value")]
    assert {"tab", "tabpanel", "region"} <= {one["role"]["value"] for one in nodes}
    assert unnamed == []


def test_the_page_says_when_the_server_is_gone_and_comes_back_with_it(browser, tmp_path):
    log = tmp_path / "events.jsonl"
    write(log, build_run(epochs=5, is_finished=False))
    with serving(log) as server:
        port = server.server_port
        browser.open(server.address)
        browser.wait_for(CONNECTED)
    browser.wait_for("document.getElementById('connection').textContent.includes('trying again')")
    assert "5 of 60" in browser.text("#pace")
    write(log, build_run(epochs=9, is_finished=False))
    with serving(log, port=port):
        browser.wait_for(CONNECTED)
        browser.wait_for("document.getElementById('pace').textContent.startsWith('9 of 60')")
        browser.open("about:blank")


def test_the_page_says_when_the_server_has_another_address_now(browser, tmp_path):
    log = tmp_path / "events.jsonl"
    with serving(log) as server:
        port = server.server_port
        browser.open(server.address)
        browser.wait_for(CONNECTED)
    with serving(log, port=port, token="another-token"):
        browser.wait_for("document.getElementById('connection').textContent.includes('anew')")
        browser.open("about:blank")


def test_the_page_waits_for_a_run_that_is_not_there_yet(browser, tmp_path):
    log = tmp_path / "events.jsonl"
    with serving(log) as server:
        browser.open(server.address)
        browser.wait_for(CONNECTED)
        assert browser.text("h1") == "Waiting for the run"
        assert browser.evaluate("document.querySelectorAll('main > :not([hidden])').length") <= 2
        write(log, build_run(epochs=2, is_finished=False))
        browser.wait_for("document.querySelector('h1').textContent.startsWith('Growing')")
        browser.open("about:blank")


def test_the_page_says_what_of_a_log_is_missing(browser, tmp_path):
    log = tmp_path / "events.jsonl"
    write(log, build_run(epochs=2, is_finished=False))
    with log.open("a") as file:
        file.write('{"schema": 3, "ev\n{"schema": 3, "event": "Epo')
    with serving(log) as server:
        browser.open(server.address)
        browser.wait_for("document.getElementById('missing').hidden === false")
        told = browser.text("#missing")
        assert "1 line of the log could not be read and is left out (line " in told
        assert "The log's last line is not whole" in told
        browser.open("about:blank")


def test_a_state_that_cannot_be_shown_is_not_passed_over(browser):
    with serving_states() as server:
        browser.open(server.address)
        browser.wait_for(CONNECTED)
        server.feed.publish('{"run": "a run", "log": {}, "state": null}')
        browser.wait_for("document.getElementById('missing').hidden === false")
        assert "What is new could not be shown" in browser.text("#missing")
        browser.open("about:blank")


def test_a_page_that_nobody_looks_at_gives_its_connection_up(browser, tmp_path):
    def hide(is_hidden):
        value = "true" if is_hidden else "false"
        browser.evaluate(
            f"Object.defineProperty(document, 'hidden', {{value: {value}, configurable: true}});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )

    with serving(tmp_path / "events.jsonl", beat_seconds=0.05) as server:
        free = server.viewers._value
        browser.open(server.address)
        browser.wait_for(CONNECTED)
        assert server.viewers._value == free - 1
        hide(True)
        browser.wait_for("new Promise((done) => setTimeout(() => done(true), 500))")
        assert server.viewers._value == free
        hide(False)
        browser.wait_for("new Promise((done) => setTimeout(() => done(true), 500))")
        assert server.viewers._value == free - 1
        browser.open("about:blank")


def test_a_page_of_another_origin_learns_nothing_even_with_the_address(browser, tmp_path):
    write(tmp_path / "events.jsonl", build_run(epochs=2, is_finished=False))
    with serving(tmp_path / "events.jsonl") as server, serving_states() as other:
        other.assets = {"": Asset(content=b"<!doctype html>", kind="text/html")}
        # Another port is another origin; this page's own policy must not be what protects it.
        browser.call("Page.setBypassCSP", enabled=True)
        browser.open(other.address)
        state = f"{server.address}state.json"
        assert (
            browser.evaluate(f"fetch('{state}').then(() => 'read', () => 'refused')") == "refused"
        )
        load = (
            "new Promise((done) => {{ const e = document.createElement('{tag}');"
            " e.onload = () => done('loaded'); e.onerror = () => done('refused');"
            " e.src = '{address}'; document.body.append(e); }})"
        )
        script = load.format(tag="script", address=f"{server.address}app.js")
        assert browser.evaluate(script) == "refused"
        stream = (
            f"new Promise((done) => {{ const s = new EventSource('{server.address}stream');"
            " s.onopen = () => done('read'); s.onerror = () => done('refused'); })"
        )
        assert browser.evaluate(stream) == "refused"
        browser.call("Page.setBypassCSP", enabled=False)
        browser.open("about:blank")
