from __future__ import annotations

from email.message import Message

import pytest

from tamiyo.ui.live_page.guard import RequestGuard

GUARD = RequestGuard("right", 8640)


def build_headers(*pairs):
    headers = Message()
    for name, value in pairs or [("Host", "127.0.0.1:8640")]:
        headers[name] = value
    return headers


def refuse(target="/right/", *pairs):
    return GUARD.find_refusal(target, build_headers(*pairs))


HOST = ("Host", "127.0.0.1:8640")


@pytest.mark.parametrize("host", ["127.0.0.1:8640", "localhost:8640", "LOCALHOST:8640"])
def test_the_loopback_address_and_its_name_are_served(host):
    assert refuse("/right/", ("Host", host)) is None


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8640", "127.0.0.1", "127.0.0.1:8641", "0.0.0.0:8640",
     "127.0.0.1:8640.evil.example", "evil.example@127.0.0.1:8640", "[::1]:8640", ""],
)  # fmt: skip
def test_every_other_host_is_refused(host):
    refusal = refuse("/right/", ("Host", host))
    assert refusal.status == 403
    assert refusal.line == "Host must be 127.0.0.1:8640 or localhost:8640"


@pytest.mark.parametrize("pairs", [[("Accept", "*/*")], [HOST, HOST], [HOST, ("Host", "evil")]])
def test_exactly_one_host_must_be_named(pairs):
    assert "Host must be" in refuse("/right/", *pairs).line


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "null", "https://127.0.0.1:8640", "http://127.0.0.1:80",
     "http://localhost:8640", "http://127.0.0.1:8640.evil.example", ""],
)  # fmt: skip
def test_another_origin_is_refused(origin):
    refusal = refuse("/right/", HOST, ("Origin", origin))
    assert refusal.status == 403
    assert "another origin" in refusal.line


def test_the_page_itself_may_ask():
    own = [("Origin", "http://127.0.0.1:8640"), ("Sec-Fetch-Site", "same-origin")]
    assert refuse("/right/stream", HOST, *own) is None


@pytest.mark.parametrize("site", ["cross-site", "same-site", "other"])
@pytest.mark.parametrize("mode", ["no-cors", "cors", "navigate"])
def test_what_another_site_embeds_or_fetches_is_refused(site, mode):
    pairs = [("Sec-Fetch-Site", site), ("Sec-Fetch-Mode", mode), ("Sec-Fetch-Dest", "iframe")]
    assert "another site" in refuse("/right/", HOST, *pairs).line


def test_a_link_with_the_token_may_be_followed():
    pairs = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ]
    assert refuse("/right/", HOST, *pairs) is None


@pytest.mark.parametrize(
    "target",
    ["/", "", "/wrong/", "/rig/", "/right1/", "/RIGHT/", "/?right", "/wrong/right/", "*",
     "/../right/", "http://127.0.0.1:8640/right/", "/%72ight/", "/\udcff/", "/ünï/"],
)  # fmt: skip
def test_a_wrong_or_missing_token_is_refused(target):
    refusal = refuse(target)
    assert refusal.status == 403
    assert "token" in refusal.line


@pytest.mark.parametrize(
    ("target", "name"),
    [("/right/", ""), ("/right", ""), ("/right/?x=/y", ""), ("/right/app.js?1", "app.js"),
     ("/right/../app.js", "../app.js"), ("/right//", "/")],
)  # fmt: skip
def test_the_name_is_what_stands_behind_the_token(target, name):
    assert GUARD.find_name(target) == name


def test_the_address_holds_port_and_token():
    assert GUARD.address == "http://127.0.0.1:8640/right/"
