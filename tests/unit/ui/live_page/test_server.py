from __future__ import annotations

import socket
import time
from contextlib import redirect_stderr
from io import StringIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamiyo.contracts import ConfigError
from tamiyo.ui.live_page.feed import StateFeed
from tamiyo.ui.live_page.server import LivePageServer
from tests.support.browsing import TOKEN, Viewer, ask, ask_raw, serving


@pytest.fixture(scope="module")
def server():
    with serving(stall_seconds=1.0) as one:
        yield one


def test_the_page_is_served_with_a_strict_policy_and_is_never_kept(server):
    answer = ask(server)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert answer.body.startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("name", "kind"), [("app.js", "text/javascript"), ("style.css", "text/css")]
)
def test_files_of_the_page_have_their_media_types(server, name, kind):
    answer = ask(server, name)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith(kind)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("target", ["/", "/wrong/", f"/{TOKEN}x/", f"/{TOKEN[:-1]}/state.json"])
def test_without_the_token_nothing_is_told_but_one_line(server, target):
    answer = ask(server, target=target)
    assert answer.status == 403
    assert answer.body == "tamiyo: the address must hold the token that `tamiyo serve` printed\n"


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example:80"}, {"Host": None}, {"Origin": "http://evil.example"},
     {"Sec_Fetch_Site": "cross-site"}],
)  # fmt: skip
@pytest.mark.parametrize("path", ["", "stream", "state.json"])
def test_other_hosts_origins_and_sites_are_refused(server, headers, path):
    answer = ask(server, path, **headers)
    assert answer.status == 403
    assert answer.body.count("\n") == 1
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "HEAD", "TRACE"])
def test_only_get_is_answered(server, method):
    answer = ask(server, method=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET"
    assert answer.body == "tamiyo: the method must be GET\n"


@pytest.mark.parametrize(
    "path",
    ["../server.py", "..%2fserver.py", "static/app.js", "/etc/passwd", "%2e%2e/guard.py", "app.js/",
     "index.html", ".", "app.js%00", "..\\server.py"],
)  # fmt: skip
def test_no_path_leads_out_of_the_page(server, path):
    answer = ask(server, path)
    assert answer.status == 404
    assert answer.body == "tamiyo: there is no such file here\n"


@pytest.mark.parametrize(
    "request_bytes",
    [b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / / HTTP/1.1\r\n\r\n",
     b"\x00\xff\xfe\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
     b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n",
     b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n"],
)  # fmt: skip
def test_a_bad_request_is_refused_and_the_server_goes_on(server, request_bytes):
    answer = ask_raw(server, request_bytes)
    assert b" 200 " not in answer
    assert b"Traceback" not in answer
    assert ask(server).status == 200


@settings(max_examples=60)
@given(junk=st.binary(max_size=200))
def test_no_bytes_stop_the_server_or_get_the_page(server, junk):
    with redirect_stderr(StringIO()) as told:
        answer = ask_raw(server, junk.replace(TOKEN.encode(), b"") + b"\r\n\r\n")
        assert b" 200 " not in answer
        assert ask(server, "app.js").status == 200
    assert told.getvalue() == ""


def test_a_stream_gives_the_newest_state_and_then_every_news():
    with serving() as server:
        server.feed.publish('{"n": 0}')
        server.feed.publish('{"n": 1}')
        with Viewer(server) as viewer:
            head = viewer.read_head()
            assert "Content-Type: text/event-stream; charset=utf-8" in head
            assert viewer.read_message() == {"retry": "1000"}
            assert viewer.read_state() == {"n": 1}
            server.feed.publish('{"n": 2}')
            assert viewer.read_state() == {"n": 2}


def test_a_quiet_stream_beats():
    with serving() as server, Viewer(server) as viewer:
        viewer.read_head()
        viewer.read_message()
        assert viewer.read_message() == {"event": "beat", "data": "{}"}


def test_many_viewers_see_the_same(server):
    viewers = [Viewer(server) for _ in range(20)]
    server.feed.publish('{"seen by": "all"}')
    assert [viewer.read_state() for viewer in viewers] == [{"seen by": "all"}] * 20
    for viewer in viewers:
        viewer.__exit__()


def test_a_viewer_too_many_is_refused_in_one_line():
    with serving() as server:
        viewers = [Viewer(server) for _ in range(64)]
        for viewer in viewers:
            viewer.read_message()
        answer = ask(server, "stream")
        assert answer.status == 503
        assert answer.body == "tamiyo: viewers must be at most 64; close one of them\n"
        for viewer in viewers:
            viewer.__exit__()


def test_a_stalled_viewer_blocks_nobody_and_is_dropped():
    large = '{"text": "' + "x" * 8_000_000 + '"}'
    with serving(stall_seconds=0.5) as server, Viewer(server, buffer_bytes=4096) as stalled:
        stalled.read_message()
        server.feed.publish(large)
        time.sleep(0.1)
        server.feed.publish('{"n": 2}')
        with Viewer(server) as other:
            assert other.read_state() == {"n": 2}
        time.sleep(1.0)
        assert stalled.read_state() is None


def test_a_connection_that_asks_for_nothing_is_closed():
    with serving(stall_seconds=0.1) as server:
        assert ask_raw(server, b"") == b""


def test_the_state_is_given_once_for_scripts():
    with serving() as server:
        assert ask(server, "state.json").status == 503
        server.feed.publish('{"n": 1}')
        answer = ask(server, "state.json")
        assert (answer.body, answer.headers["Content-Type"]) == ('{"n": 1}', "application/json")


def test_a_stream_ends_when_the_feed_is_closed():
    with serving() as server, Viewer(server) as viewer:
        viewer.read_message()
        server.feed.close()
        assert viewer.read_state() is None


def test_nothing_but_the_loopback_address_is_listened_on(server):
    assert server.socket.getsockname()[0] == "127.0.0.1"


def test_a_busy_port_is_refused_with_the_way_out():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"got {port}: Address already in use; .* --port"):
            LivePageServer(StateFeed(), port=port, token=TOKEN)


def test_a_port_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="got 70000"):
        LivePageServer(StateFeed(), port=70_000, token=TOKEN)


def test_a_bug_in_an_answer_is_not_hidden(server, capsys):
    try:
        {}["bug"]
    except KeyError:
        server.handle_error(None, ("127.0.0.1", 1))
    assert "KeyError: 'bug'" in capsys.readouterr().err
