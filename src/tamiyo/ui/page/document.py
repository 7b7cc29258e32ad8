"""The page of one run."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from tamiyo.ui.page.decisions import write_table
from tamiyo.ui.page.elements.colors import write_colors
from tamiyo.ui.page.elements.markup import Markup, join, tag
from tamiyo.ui.page.elements.words import GLOSSARY, count, write_points
from tamiyo.ui.page.headline import find_outcome, write_headline, write_title
from tamiyo.ui.page.host import write_host
from tamiyo.ui.page.learning import write_episodes, write_learning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tamiyo.telemetry import HostStory, RunStory
    from tamiyo.ui.page.elements.markup import Content

__all__ = ["build_run_page", "write_document", "write_gaps", "write_glossary", "write_settings"]

_MOST_BYTES: Final = 480_000
_POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
)


def build_run_page(run: RunStory) -> str:
    """Build the page of a run: one HTML document of less than 500 KB that needs nothing else.

    Equal stories give equal pages.
    """
    title = write_title(run)
    sections: list[tuple[str, str, Content]] = []
    if run.learning is not None:
        learned = join(write_learning(run.learning), write_episodes(run))
        sections.append(("learning", "How the controller learned", learned))
    before = len("".join(str(content) for _, _, content in sections))
    sections += _write_hosts(run, _MOST_BYTES - before)
    sections += [
        ("alarms", "Alarms", write_alarms(run)),
        ("settings", "Settings, as far as the log tells", write_settings(run)),
        ("glossary", "What the words mean", write_glossary()),
    ]
    return write_document(title, join(write_gaps(run), write_headline(run)), sections)


def write_document(
    title: str, headline: Markup, sections: Sequence[tuple[str, str, Content]]
) -> str:
    """Write a whole page.

    Args:
        title: Its title and heading.
        headline: What comes first.
        sections: Id, heading and content of each section.
    """
    static = files("tamiyo.ui.page").joinpath("static")
    script = static.joinpath("report.js").read_text(encoding="utf-8")
    style = write_colors() + static.joinpath("report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    links = [tag("li", tag("a", heading, href=f"#{name}")) for name, heading, _ in sections]
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="Content-Security-Policy", content=_POLICY.format(digest=digest)),
        tag("link", rel="icon", href="data:,"),
        tag("title", f"{title} - Tamiyo report"),
        tag("style", Markup(style)),
    )
    body = join(
        tag("a", "Skip to the report", href="#main", class_="skip"),
        tag(
            "header",
            tag("p", "Tamiyo report", class_="brand"),
            tag("button", "Dark colors", type="button", id="theme", hidden=True),
            tag("h1", title),
            tag("nav", tag("ul", links), aria_label="Sections"),
        ),
        tag(
            "main",
            tag("section", tag("h2", "In short"), headline, id="summary", class_="card"),
            [_write_section(*section) for section in sections],
            id="main",
        ),
        tag("div", id="tip", role="tooltip", hidden=True),
        tag("script", Markup(script)),
    )
    page = tag("html", tag("head", head), tag("body", body), lang="en")
    return f"<!DOCTYPE html>\n{page}\n"


def write_gaps(run: RunStory) -> Markup | None:
    """Say what the log lacks; nothing where it lacks nothing."""
    if not run.missing:
        return None
    return tag(
        "div",
        tag("strong", "This record is not complete."),
        tag("ul", [tag("li", text) for text in run.missing]),
        class_="gaps",
        role="note",
    )


def write_alarms(run: RunStory) -> Markup:
    """List alarms; the log itself has those that are left out."""
    if not run.alarms:
        return tag("p", "No alarm was raised.", class_="quiet")
    total = sum(run.alarm_counts.values())
    left = total - len(run.alarms)
    told = f"; {left:,} in between are left out" if left else ""
    rows = [(alarm.place, alarm.kind, alarm.message) for alarm in run.alarms]
    return write_table(f"{count(total, 'alarm')}{told}", ("When", "What", "What was seen"), rows)


def write_settings(run: RunStory) -> Markup:
    """List what the log tells of how the run was set up."""
    learning = run.learning
    rows: list[tuple[str, Content]] = [
        ("kind", {"run": "one network", "training": "training of a controller"}.get(run.kind)),
        ("task or environment", run.title),
        *([("controller", run.controller)] if learning is None else []),
        ("seed", None if run.seed is None else str(run.seed)),
        ("hash of the effective configuration", run.config_hash),
        ("first event", run.first_time),
        ("last event", run.last_time),
        ("events in the log", f"{run.events:,}"),
    ]
    if learning is not None:
        rows += [
            ("environments in lockstep", f"{learning.num_envs:,}"),
            ("steps asked for", f"{learning.total_steps:,}"),
            ("parameters of the controller", f"{learning.parameters:,}"),
            ("times it was started", str(learning.starts)),
            (
                "steps in the last checkpoint",
                "none was written"
                if learning.checkpoint_steps is None
                else f"{learning.checkpoint_steps:,}",
            ),
        ]
    rows += [row for host in run.hosts[:1] for row in _list_host(host)]
    shown = [(name, "unknown" if value in {None, ""} else value) for name, value in rows]
    note = "The whole configuration stands in config.json of the run folder, under this hash."
    return join(
        write_table("What the log tells", ("Setting", "Value"), shown),
        tag("p", note, class_="quiet"),
    )


def write_glossary() -> Markup:
    """Explain the words of the page."""
    entries = [tag("div", tag("dt", word), tag("dd", text)) for word, text in GLOSSARY.items()]
    return tag("dl", entries, class_="glossary")


def _write_section(name: str, heading: str, content: Content) -> Markup:
    title = tag("h2", heading, id=f"{name}-title")
    return tag("section", title, content, id=name, class_="card", aria_labelledby=f"{name}-title")


def _list_host(host: HostStory) -> list[tuple[str, Content]]:
    metric = host.metric
    budget = "none" if host.max_parameters is None else f"{host.max_parameters:,}"
    offered = ", ".join(f"{name} {parameters:,}" for name, parameters in host.blueprints.items())
    return [
        ("task", host.task),
        ("metric", f"{metric.name}, best {metric.best:g}, worst {metric.worst:g}"),
        ("epochs", f"{host.epochs:,}"),
        ("slots", ", ".join(host.slot_ids)),
        ("parameters of the host", f"{host.host_parameters:,}"),
        ("budget for parameters", budget),
        ("blueprints, with the parameters each adds", offered),
    ]


def _write_hosts(run: RunStory, room: int) -> list[tuple[str, str, Content]]:
    """Write the hosts that fit into so many bytes; say which do not."""
    sections: list[tuple[str, str, Content]] = []
    left = []
    for index, host in enumerate(run.hosts):
        content = write_host(host, f"host-{index}")
        size = len(content.encode())
        if size > room and sections:
            left.append(host)
            continue
        room -= size
        outcome = None if run.kind == "run" else _write_outcome(host)
        sections.append((f"host-{index}", _name_host(run, host), join(outcome, content)))
    if left:
        rows = [(_name_host(run, host), write_points(find_outcome(host).gain)) for host in left]
        table = write_table(
            "They are in the log, and left out here to keep the page small",
            ("Environment", "Gain over the host alone"),
            rows,
        )
        sections.append(("more-hosts", "More recorded environments", table))
    return sections


def _name_host(run: RunStory, host: HostStory) -> str:
    if run.kind == "run":
        return "How the network grew"
    state = "its last full episode" if host.end is not None else "an episode that has no end yet"
    return f"Environment {host.environment}: {state} ({host.episode})"


def _write_outcome(host: HostStory) -> Markup:
    outcome = find_outcome(host)
    known = [
        f"Gain over the host alone: {write_points(outcome.gain)}.",
        f"Task {host.task}, seed {host.seed}.",
    ]
    if host.end is not None and host.end.diverged:
        known.append("It ended early, as training diverged.")
    return tag("p", " ".join(known), class_="story")
