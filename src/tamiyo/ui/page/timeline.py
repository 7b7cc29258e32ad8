"""The structure timeline: what stood in each slot when, and which decision made it so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tamiyo.ui.page.decisions import describe_decision, group_waits
from tamiyo.ui.page.elements.charts import find_ticks
from tamiyo.ui.page.elements.markup import Markup, join, tag
from tamiyo.ui.page.elements.words import STAGES, count, define, name_stage, write_points

if TYPE_CHECKING:
    from tamiyo.telemetry import HostStory, StageSpan, StoryDecision, StoryMark
    from tamiyo.ui.page.elements.markup import Content

__all__ = ["LEFT", "RIGHT", "WIDTH", "draw_timeline", "draw_timeline_legend", "find_x"]

WIDTH: Final = 1000
LEFT: Final = 84
RIGHT: Final = 12
_TOP, _WAITS, _ROW, _BAR, _ALPHA, _FOOT = 24, 26, 78, 26, 16, 30
_LETTER: Final = 6.6
_SHAPES: Final = {
    "GERMINATE": "M0 -6L6 5H-6Z",
    "FOSSILIZE": "M0 -7L7 0L0 7L-7 0Z",
    "PRUNE": "M-5 -5L5 5M5 -5L-5 5",
    "ADVANCE": "M-4 -5L5 0L-4 5Z",
    "SET_ALPHA_TARGET": "M-5 -5H5V5H-5Z",
}
_SHAPE_WORDS: Final = {
    "GERMINATE": "plant",
    "ADVANCE": "advance",
    "SET_ALPHA_TARGET": "change influence",
    "FOSSILIZE": "keep",
    "PRUNE": "remove",
}


def find_x(host: HostStory, epoch: float) -> float:
    """Return where the end of an epoch lies, pixels."""
    return LEFT + epoch / _last_epoch(host) * (WIDTH - LEFT - RIGHT)


def draw_timeline(host: HostStory) -> Markup:
    """Draw slots over epochs: stages, alpha, blueprints, contributions and decisions.

    Every decision and every stretch of a stage says more on hover and on focus; the arrow keys go
    from one to the next.
    """
    height = _TOP + _WAITS + _ROW * len(host.slot_ids) + _FOOT
    rows = [_draw_row(host, index) for index in range(len(host.slot_ids))]
    name = (
        f"Structure timeline: {count(len(host.slot_ids), 'slot')} over "
        f"{count(_last_epoch(host), 'epoch')}. Arrow keys move between its parts; the table of "
        "decisions below says the same in words."
    )
    picture = tag(
        "svg",
        _draw_ground(host, height),
        _draw_waits(host),
        [_draw_mark(host, mark) for mark in host.marks if mark.slot_id is None],
        rows,
        viewBox=f"0 0 {WIDTH} {height}",
        role="group",
        aria_label=name,
        class_="timeline",
    )
    return tag(
        "div", picture, class_="scroll", tabindex=0, role="region", aria_label="Structure timeline"
    )


def draw_timeline_legend() -> Markup:
    """Name the colors and shapes of timelines."""
    seen: dict[str, tuple[str, str]] = {}
    for stage, (word, meaning) in STAGES.items():
        seen.setdefault(word, (stage, meaning))
    entries = [
        tag("li", tag("span", class_=f"swatch fill-{stage}"), _explain(word, meaning))
        for word, (stage, meaning) in seen.items()
    ]
    for op, word in _SHAPE_WORDS.items():
        shape = tag("path", d=_SHAPES[op], class_=f"shape op-{op}", transform="translate(9 9)")
        entries.append(
            tag(
                "li",
                tag("svg", shape, width=18, height=18, aria_hidden="true"),
                f"decision: {word}",
            )
        )
    wait = tag("circle", cx=9, cy=9, r=2.5, class_="wait")
    entries.append(tag("li", tag("svg", wait, width=18, height=18, aria_hidden="true"), "waited"))
    flag = tag("circle", cx=9, cy=9, r=4, class_="event")
    entries.append(
        tag(
            "li",
            tag("svg", flag, width=18, height=18, aria_hidden="true"),
            "the host has settled (or, in red, went back after training went wrong)",
        )
    )
    ramp = tag("path", d="M0 14L22 3V14Z", class_="alpha")
    key = tag("svg", ramp, width=22, height=16, aria_hidden="true")
    entries.append(tag("li", key, "alpha: influence of the seed, from 0 to 1"))
    entries.append(tag("li", define("contribution", "points above a bar: contribution")))
    return tag("ul", entries, class_="legend")


def _explain(word: str, meaning: str) -> Markup:
    return tag("span", word, class_="term", tabindex=0, data_tip=meaning)


def _last_epoch(host: HostStory) -> int:
    return max(1, host.epochs, host.points[-1].epoch)


def _draw_ground(host: HostStory, height: int) -> Markup:
    """Draw what lies behind: epochs, lanes, the closing epochs and what is not there yet."""
    foot = height - _FOOT
    parts: list[Content] = []
    decided = max((decision.epoch for decision in host.decisions), default=0)
    trained = host.points[-1].epoch
    if host.decisions and decided < trained:
        parts.append(_shade(host, (decided, trained), foot, "closing", "nothing is decided"))
    if trained < _last_epoch(host):
        parts.append(_shade(host, (trained, _last_epoch(host)), foot, "unknown", "not in the log"))
    for epoch in find_ticks(0, _last_epoch(host), 13):
        x = find_x(host, epoch)
        parts.append(tag("line", x1=x, x2=x, y1=_TOP, y2=foot, class_="grid"))
        parts.append(tag("text", f"{epoch:g}", x=x, y=foot + 17, text_anchor="middle"))
    parts.append(
        tag("text", "epoch", x=LEFT - 10, y=foot + 17, text_anchor="end", class_="axis-name")
    )
    parts.append(tag("text", "waited", x=LEFT - 10, y=_TOP + 15, text_anchor="end"))
    return tag("g", parts, class_="axes", aria_hidden="true")


def _shade(
    host: HostStory, epochs: tuple[int, int], foot: int, look: str, words: str
) -> list[Markup]:
    first, last = find_x(host, epochs[0]), find_x(host, epochs[1])
    area = tag(
        "rect", x=first, y=_TOP - 16, width=last - first, height=foot - _TOP + 16, class_=look
    )
    fits = last - first > len(words) * _LETTER
    text = tag("text", words, x=(first + last) / 2, y=_TOP - 4, text_anchor="middle")
    return [area, text] if fits else [area]


def _draw_waits(host: HostStory) -> Markup:
    """Draw where the controller waited, and why."""
    y = _TOP + 11
    dots = []
    for first, last, decision in group_waits(host.decisions):
        start, end = find_x(host, first - 0.5), find_x(host, last - 0.5)
        when = f"Epoch {first}" if first == last else f"Epochs {first} to {last}"
        shape = tag("path", d=f"M{start:.1f} {y}H{end:.1f}h.01", class_="wait-line")
        dots.append(_point_out(shape, f"{when}: {describe_decision(decision)}"))
    return tag("g", dots)


def _draw_row(host: HostStory, index: int) -> Markup:
    slot_id = host.slot_ids[index]
    top = _TOP + _WAITS + index * _ROW
    spans = [span for span in host.spans if span.slot_id == slot_id]
    middle = top + 16 + _BAR / 2
    lane = tag("rect", x=LEFT, y=top + 16, width=WIDTH - LEFT - RIGHT, height=_BAR, class_="lane")
    name = tag("text", slot_id, x=LEFT - 10, y=middle + 4, text_anchor="end", class_="slot")
    alpha = tag(
        "text", "alpha", x=LEFT - 10, y=top + 16 + _BAR + 14, text_anchor="end", class_="axis-name"
    )
    decisions = [
        _draw_decision(host, decision, middle)
        for decision in host.decisions
        if decision.slot_id == slot_id
    ]
    return tag(
        "g",
        tag("g", lane, name, alpha, aria_hidden="true"),
        [_draw_span(host, span, top + 16) for span in spans],
        _name_seeds(host, spans, top),
        decisions,
        role="group",
        aria_label=f"Slot {slot_id}",
    )


def _draw_span(host: HostStory, span: StageSpan, top: float) -> Markup:
    """Draw a stretch of a stage with its alpha below."""
    start, end = find_x(host, span.first_epoch - 1), find_x(host, span.last_epoch)
    bar = tag(
        "rect",
        x=start,
        y=top,
        width=max(1.5, end - start - 0.8),
        height=_BAR,
        rx=3,
        class_=f"span fill-{span.stage}",
    )
    word = name_stage(span.stage)
    after = find_x(host, _find_free_epoch(host, span) - 0.5)
    start_of_text = max(start + 6, after + 9)
    fits = end - start_of_text > len(word) * _LETTER + 2
    text = tag("text", word, x=start_of_text, y=top + 17, class_="on-bar") if fits else None
    return _point_out(join(bar, _draw_alpha(host, span, top + _BAR + 3), text), _tell_span(span))


def _find_free_epoch(host: HostStory, span: StageSpan) -> int:
    """Return the last epoch of a span in which its slot was decided about; before it if none."""
    decided = [
        decision.epoch
        for decision in host.decisions
        if decision.slot_id == span.slot_id
        and span.first_epoch <= decision.epoch <= span.last_epoch
    ]
    return max(decided, default=span.first_epoch - 1)


def _draw_alpha(host: HostStory, span: StageSpan, top: float) -> Markup | None:
    alphas = [alpha or 0.0 for alpha in span.alphas]
    if not any(alphas):
        return None
    foot = top + _ALPHA
    words = [f"M{find_x(host, span.first_epoch - 1):.1f} {foot:.1f}"]
    before = None
    for epoch, alpha in enumerate(alphas, start=span.first_epoch):
        if alpha != before:
            words.append(f"H{find_x(host, epoch - 1):.1f}V{foot - alpha * _ALPHA:.1f}")
        before = alpha
    words.append(f"H{find_x(host, span.last_epoch):.1f}V{foot:.1f}Z")
    return tag("path", d="".join(words), class_="alpha")


def _name_seeds(host: HostStory, spans: list[StageSpan], top: float) -> Markup:
    """Write blueprint and worth of each seed above it, where there is room until the next."""
    firsts: dict[str, list[StageSpan]] = {}
    for span in spans:
        if span.seed_id is not None:
            firsts.setdefault(span.seed_id, []).append(span)
    starts = [lives[0].first_epoch for lives in firsts.values()] + [_last_epoch(host) + 1]
    worth = {} if host.end is None else host.end.contributions
    texts = []
    for (seed_id, lives), following in zip(firsts.items(), starts[1:], strict=True):
        start, end = find_x(host, lives[0].first_epoch - 1), find_x(host, following - 1)
        named = (lives[0].blueprint or "seed").lower().replace("_", " ")
        points = worth.get(seed_id, _find_worth(lives))
        full = named if points is None else f"{named} {points:+.1f} points"
        room = (end - start) / _LETTER
        text = full if len(full) < room else named if len(named) < room else None
        if text is not None:
            texts.append(tag("text", text, x=start, y=top + 11, class_="seed"))
    return tag("g", texts, aria_hidden="true")


def _find_worth(spans: list[StageSpan]) -> float | None:
    known = [value for span in spans for value in span.contributions if value is not None]
    return known[-1] if known else None


def _draw_decision(host: HostStory, decision: StoryDecision, y: float) -> Markup:
    x = find_x(host, decision.epoch - 0.5)
    refused = " refused" if decision.refusal is not None else ""
    shape = tag(
        "path",
        d=_SHAPES.get(decision.op, _SHAPES["SET_ALPHA_TARGET"]),
        transform=f"translate({x:.1f} {y:g})",
        class_=f"shape op-{decision.op}{refused}",
    )
    return _point_out(shape, f"Epoch {decision.epoch}: {describe_decision(decision)}")


def _draw_mark(host: HostStory, mark: StoryMark) -> Markup:
    """Draw what concerns the whole host: a vertical line with a flag."""
    x = find_x(host, mark.epoch if mark.kind == "stabilized" else mark.epoch - 0.5)
    foot = _TOP + _WAITS + _ROW * len(host.slot_ids)
    look = "event bad" if mark.kind == "rolled back" else "event"
    line = tag("path", d=f"M{x:.1f} {_TOP - 6}V{foot}", class_=look)
    flag = tag("circle", cx=x, cy=_TOP - 8, r=4, class_=look)
    why = f": {mark.reason}" if mark.reason else ""
    return _point_out(join(line, flag), f"Epoch {mark.epoch}: {mark.kind}{why}")


def _tell_span(span: StageSpan) -> str:
    last = span.last_epoch
    when = f"epoch {last}" if span.first_epoch == last else f"epochs {span.first_epoch} to {last}"
    parts = [f"Slot {span.slot_id}, {when}: {name_stage(span.stage)}"]
    if span.blueprint is not None:
        parts.append(
            f"{span.blueprint}, {span.style}, adds {count(span.parameters or 0, 'parameter')}"
        )
        first, final = span.alphas[0], span.alphas[-1]
        if first is not None and final is not None:
            ramp = f"{final:.2f}" if first == final else f"{first:.2f} to {final:.2f}"
            parts.append(f"alpha {ramp}")
        points = _find_worth([span])
        error = "" if points is None or span.error is None else f" ± {span.error:.1f}"
        known = "not measured" if points is None else f"{write_points(points)}{error}"
        parts.append(f"contribution {known}")
    return "; ".join(parts)


def _point_out(shape: Markup, words: str) -> Markup:
    return tag("g", tag("title", words), shape, class_="hit", tabindex=0, role="img")
