"""``tamiyo serve``: show a run in a browser on this machine."""

from __future__ import annotations

import webbrowser
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Annotated, Final

from tyro.conf import Positional, arg

from tamiyo.cli.flags import read_flags
from tamiyo.cli.records.log_path import locate_log
from tamiyo.contracts import check_at_least, check_at_most

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tamiyo.ui import LivePageServer

__all__ = ["ServeArguments", "run"]

_EXAMPLES: Final = """\
  tamiyo serve runs/train-surrogate-0
      prints the address of a page that shows the run while it goes on; Ctrl-C ends it
  tamiyo serve runs/train-surrogate-0 --open
      opens it in the browser as well
  tamiyo serve runs/train-surrogate-0 --token-file ~/.tamiyo-token
      the address stays the same: open pages come back when this is started again
  ssh -L 8640:127.0.0.1:8640 MACHINE
      how a page that is served elsewhere is seen here, at the address that was printed there"""


@dataclass(frozen=True, kw_only=True)
class ServeArguments:
    """Show a run in a browser on this machine, while it runs or afterwards.

    Nothing but this machine reaches the page, and nobody without the token in its address.

    Attributes:
        run: A run folder, or an event log; either may still be to come.
        port: Port to listen on, 0 to 65,535; 0 takes any free one.
        open: Open the page in the browser. On a machine that others use at the same time, they may
            see the address among the running programs: then open it yourself.
        token_file: File that keeps the token; made if it is not there. Otherwise every start has a
            new one.
    """

    run: Positional[Annotated[Path, arg(metavar="RUN")]]
    port: int = 8640
    open: bool = False
    token_file: Path | None = None

    def __post_init__(self) -> None:
        """Check the port.

        Raises:
            ConfigError: If it is none.
        """
        check_at_least(self, {"port": 0})
        check_at_most(self, {"port": 65_535})


def run(words: Sequence[str]) -> None:
    """Carry out the command, until Ctrl-C.

    Raises:
        TamiyoError: If the port is busy, the token file is no such file, or the log cannot be read.
    """
    from tamiyo.ui import LivePageServer, LogPublisher, StateFeed, build_token, load_token

    arguments = read_flags(ServeArguments, words, command="serve", examples=_EXAMPLES)
    file = arguments.token_file
    token = build_token() if file is None else load_token(file.expanduser())
    log = locate_log(arguments.run)
    feed = StateFeed()
    publisher = LogPublisher(log, feed)
    publisher.step()  # what cannot be read is refused before an address is printed
    with _answering(LivePageServer(feed, port=arguments.port, token=token)) as server:
        print(f"{arguments.run} is shown at\n\n  {server.address}\n", flush=True)
        if not log.is_file():
            print(f"{log} is not there yet; the page waits for it", flush=True)
        print("Ctrl-C ends it", flush=True)
        if arguments.open and not webbrowser.open(server.address):
            print("no browser could be opened: open the address yourself", flush=True)
        try:
            publisher.follow()
        except KeyboardInterrupt:
            print("\nno longer shown", flush=True)


@contextmanager
def _answering(server: LivePageServer) -> Iterator[LivePageServer]:
    """Answer requests in a thread of its own; at the end let every viewer go."""
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.feed.close()
        server.shutdown()
        server.server_close()
        thread.join()
