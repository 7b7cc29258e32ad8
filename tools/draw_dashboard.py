"""Draw the dashboard of a run as a picture for the documentation.

Usage: ``python -m tools.draw_dashboard RUN OUT.svg [--width N] [--height N] [--events N]``.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from rich.console import Console

from tamiyo.telemetry import LOG_NAME, EventFollower, LiveFold
from tamiyo.ui.dashboard import View, build_page
from tamiyo.ui.terminal.symbols import choose_symbols


def main() -> None:
    """Fold the log and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="run folder")
    parser.add_argument("out", type=Path, help="SVG file to write")
    parser.add_argument("--width", type=int, default=110)
    parser.add_argument("--height", type=int, default=40)
    parser.add_argument("--events", type=int, help="as if so many had been written")
    arguments = parser.parse_args()
    follower, fold, left = (
        EventFollower(arguments.run / LOG_NAME),
        LiveFold(),
        arguments.events,
    )
    while events := follower.poll():
        for event in events if left is None else events[:left]:
            fold.take(event)
        left = None if left is None else max(0, left - len(events))
    console = Console(
        record=True,
        width=arguments.width,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
    )
    view = View(width=arguments.width, height=arguments.height, symbols=choose_symbols(console))
    console.print(build_page(fold.freeze(), view))
    arguments.out.write_text(
        console.export_svg(title=f"tamiyo watch {arguments.run.name}"), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
