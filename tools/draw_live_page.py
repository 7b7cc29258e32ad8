"""Draw the page that ``tamiyo serve`` shows of a run as a picture for the documentation.

Usage: ``python -m tools.draw_live_page RUN OUT.png [--events N]
[--width N] [--dark]`` with Chromium on the path.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from threading import Thread

from tamiyo.telemetry import LOG_NAME
from tamiyo.ui import LivePageServer, LogPublisher, StateFeed, build_token
from tests.support.browser import Browser

SHOWN = "document.querySelector('h1').textContent !== 'Waiting for the run'"


def main() -> None:
    """Serve a copy of the log's beginning, and let a browser draw it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("out", type=Path, help="PNG file to write")
    parser.add_argument("--events", type=int, help="as if so many had been written just now")
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--dark", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / arguments.run.name / LOG_NAME
        log.parent.mkdir()
        lines = (arguments.run / log.name).read_text(encoding="utf-8").splitlines(keepends=True)
        lines = lines[: arguments.events]
        log.write_text("".join(lines), encoding="utf-8")
        feed = StateFeed()
        server = LivePageServer(feed, port=0, token=build_token())
        Thread(target=server.serve_forever, daemon=True).start()
        publisher = LogPublisher(log, feed)
        while publisher.step():
            pass
        draw(server.address, json.loads(lines[-1])["time"], arguments)
        feed.close()
        server.shutdown()


def draw(address: str, time: str, arguments: argparse.Namespace) -> None:
    """Draw the page as it looked at the time of the last event."""
    with Browser(width=arguments.width) as browser:
        then = f"Date.now = () => Date.parse({json.dumps(time)})"
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=then)
        browser.prefer("dark" if arguments.dark else "light")
        browser.open(address)
        browser.wait_for(SHOWN)
        browser.draw(arguments.out)


if __name__ == "__main__":
    main()
