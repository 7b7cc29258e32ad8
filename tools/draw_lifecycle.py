"""Draw the life of a seed as a state diagram: what may follow what, and which op leads there.

Usage: ``python -m tools.draw_lifecycle docs/images/lifecycle.svg``. Stages, arrows, gates and ops
come from ``tamiyo.contracts``; only where they stand on the page is decided here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tamiyo.contracts import (
    NEXT_GATES,
    TRANSITIONS,
    AlphaMode,
    AlphaReport,
    Blueprint,
    GateVerdict,
    HostReport,
    LifecycleOp,
    SeedReport,
    SeedStage,
    SlotReport,
    Style,
    Tempo,
    legal_ops,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FREE: Final = SeedStage.DORMANT
"""Stage that the table has for a free slot."""

CLOCK: Final = "by the clock"
"""What leads on where no op does."""

_WIDTH, _HEIGHT, _GAP = 124, 52, 62
_LEFT, _TOP, _LOWER = 20, 96, 266

_STYLE: Final = """\
  svg { font-family: system-ui, sans-serif; font-size: 13px }
  .page { fill: #ffffff } .stage { fill: #eef3fb; stroke: #3b5b92; stroke-width: 1.5 }
  .free { fill: #ffffff; stroke-dasharray: 5 3 } .kept { fill: #dff2e3; stroke: #2f7d46 }
  .closed { fill: #f3eeee; stroke: #8a5a5a }
  .arrow { fill: none; stroke: #44546a; stroke-width: 1.5 } .head { fill: #44546a }
  text { fill: #1c2530; text-anchor: middle } .name { font-weight: 600 }
  .small { font-size: 11px; fill: #48566a } .op { font-size: 11px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .page { fill: #12171e } .stage { fill: #1d2a40; stroke: #86a8e0 } .free { fill: #12171e }
    .kept { fill: #17351f; stroke: #74c48a } .closed { fill: #35272a; stroke: #c99a9a }
    .arrow { stroke: #a9b7c9 } .head { fill: #a9b7c9 } text { fill: #e6ebf2 }
    .small { fill: #b3bfce }
  }"""

_NOTES: Final = {
    SeedStage.GERMINATED: "planted, idle",
    SeedStage.TRAINING: "incubates, alpha 0",
    SeedStage.BLENDING: "alpha ramps",
    SeedStage.HOLDING: "alpha at its target",
    SeedStage.FOSSILIZED: "part of the host",
    SeedStage.PRUNED: "just removed",
    SeedStage.EMBARGOED: "slot stays closed",
    SeedStage.RESETTING: "about to open",
    FREE: "no seed, no stage",
}


@dataclass(frozen=True, kw_only=True)
class Arrow:
    """A way from one stage to another, with what leads along it and the gate before it."""

    source: SeedStage
    target: SeedStage
    label: str


def find_legal_ops(stage: SeedStage) -> frozenset[LifecycleOp]:
    """Ask what is legal in a stage at best: gates passed, alpha steady, old enough, no budget."""
    slot = SlotReport(
        slot_id="r0c0",
        stage=None if stage == FREE else stage,
        cooldown_epochs=0,
        seed=_ripe_seed(stage) if stage in NEXT_GATES else None,
        blueprint_parameters={Blueprint.NORM: 1},
        gate_parameters=1,
    )
    host = HostReport(
        environment=0,
        epoch=1,
        host_parameters=1,
        parameters=1,
        max_parameters=None,
        min_prune_age_epochs=0,
        slots=(slot,),
    )
    return legal_ops(slot, host)


def _ripe_seed(stage: SeedStage) -> SeedReport:
    return SeedReport(
        seed_id="seed",
        blueprint=Blueprint.NORM,
        style=Style.LINEAR_ADD,
        tempo=Tempo.FAST,
        parameters=1,
        age_epochs=1,
        epochs_in_stage=1,
        alpha=AlphaReport(alpha=1.0, target=1.0, mode=AlphaMode.HOLD, steps_total=0, steps_done=0),
        gate=GateVerdict(gate=NEXT_GATES[stage], checks=()),
        shadow_gain=None,
        contribution=None,
        contribution_velocity=None,
        epochs_since_counterfactual=None,
        improvement_points=None,
        gradient_norm=None,
        gradient_health=None,
        previous_gradient_health=None,
    )


def list_arrows() -> list[Arrow]:
    """Every transition between stages that a slot can be in, with the op that causes it."""
    return [
        Arrow(source=source, target=target, label=_label(source, target))
        for source, targets in TRANSITIONS.items()
        if source != SeedStage.UNKNOWN  # a source of the table that no slot is ever in
        for target in targets
    ]


def _label(source: SeedStage, target: SeedStage) -> str:
    ops = find_legal_ops(source)
    if target == SeedStage.PRUNED:
        wanted = LifecycleOp.PRUNE
    elif target != TRANSITIONS[source][0]:
        wanted = LifecycleOp.SET_ALPHA_TARGET
    else:
        forward = {LifecycleOp.GERMINATE, LifecycleOp.ADVANCE, LifecycleOp.FOSSILIZE} & ops
        if not forward:
            return CLOCK
        (wanted,) = forward
    if wanted not in ops:
        message = f"{source.name} to {target.name} must have its op legal, got {wanted.name} not"
        raise ValueError(message)
    gated = source in NEXT_GATES and target == TRANSITIONS[source][0]
    return f"{wanted.name} ({NEXT_GATES[source].name})" if gated else wanted.name


def place_stages() -> dict[SeedStage, tuple[int, int]]:
    """Left upper corner of every stage: life from left to right, the way out back below it."""
    life = _follow(FREE)
    out = _follow(SeedStage.PRUNED, until=FREE)
    at = {stage: (_LEFT + index * (_WIDTH + _GAP), _TOP) for index, stage in enumerate(life)}
    for index, stage in enumerate(reversed(out)):
        at[stage] = (_LEFT + index * (_WIDTH + _GAP), _LOWER)
    return at


def _follow(stage: SeedStage, until: SeedStage | None = None) -> list[SeedStage]:
    """Walk the regular successors."""
    found = []
    while stage != until:
        found.append(stage)
        if not TRANSITIONS[stage]:
            break
        stage = TRANSITIONS[stage][0]
    return found


def draw_lifecycle() -> str:
    """Return the diagram as SVG."""
    at = place_stages()
    width = max(x for x, _ in at.values()) + _WIDTH + _LEFT
    height = _LOWER + _HEIGHT + 24
    title = "The life of a seed: stages, and the ops and gates that lead from one to the next"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img" aria-label="{title}">',
        f"<title>{title}</title>",
        f"<style>\n{_STYLE}\n</style>",
        '<defs><marker id="tip" markerWidth="9" markerHeight="8" refX="8" refY="4" orient="auto">'
        '<path class="head" d="M0,0 L9,4 L0,8 z"/></marker></defs>',
        f'<rect class="page" width="{width}" height="{height}"/>',
        *(part for arrow in list_arrows() for part in _draw_arrow(arrow, at)),
        *(part for stage, corner in at.items() for part in _draw_stage(stage, *corner)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _draw_stage(stage: SeedStage, x: int, y: int) -> Iterator[str]:
    kind = "closed" if y == _LOWER else "free" if stage == FREE else ""
    if not TRANSITIONS[stage]:
        kind = "kept"
    middle = x + _WIDTH // 2
    name = "free slot" if stage == FREE else stage.name
    yield (
        f'<rect class="stage {kind}" x="{x}" y="{y}" width="{_WIDTH}" height="{_HEIGHT}" rx="8"/>'
    )
    yield f'<text class="name" x="{middle}" y="{y + 23}">{name}</text>'
    yield f'<text class="small" x="{middle}" y="{y + 40}">{escape(_NOTES[stage])}</text>'


def _draw_arrow(arrow: Arrow, at: dict[SeedStage, tuple[int, int]]) -> Iterator[str]:
    (x, y), (to_x, to_y) = at[arrow.source], at[arrow.target]
    middle, to_middle = x + _WIDTH // 2, to_x + _WIDTH // 2
    if y == to_y and to_x > x:
        yield _path([(x + _WIDTH, y + _HEIGHT // 2), (to_x, y + _HEIGHT // 2)])
        op, _, gate = arrow.label.partition(" ")
        yield _text("op", (x + _WIDTH + to_x) // 2, y - 22 if gate else y - 8, op)
        if gate:
            yield _text("small", (x + _WIDTH + to_x) // 2, y - 8, gate)
    elif y == to_y == _LOWER:
        yield _path([(x, y + _HEIGHT // 2), (to_x + _WIDTH, y + _HEIGHT // 2)])
        yield _text("small", (x + to_x + _WIDTH) // 2, y - 8, arrow.label)
    elif y == to_y:
        high = y - 46
        yield _path([(middle, y), (middle, high), (to_middle, high), (to_middle, y)])
        yield _text("op", (middle + to_middle) // 2, high - 7, arrow.label)
    elif to_y > y:
        bus = (_TOP + _HEIGHT + _LOWER) // 2
        yield _path(_down(middle, y + _HEIGHT, bus, to_middle, to_y))
        yield _text("op", middle + 26, y + _HEIGHT + 18, arrow.label)
    else:
        yield _path([(middle, y), (to_middle, to_y + _HEIGHT)])
        yield _text("small", middle + 38, (y + to_y + _HEIGHT) // 2 + 4, arrow.label)


def _down(x: int, y: int, bus: int, to_x: int, to_y: int) -> Sequence[tuple[int, int]]:
    """Go down to the line all ways out share, along it, and on."""
    return [(x, y), (x, bus), (to_x, bus), (to_x, to_y)]


def _path(points: Sequence[tuple[int, int]]) -> str:
    steps = " L".join(f"{x},{y}" for x, y in points)
    return f'<path class="arrow" marker-end="url(#tip)" d="M{steps}"/>'


def _text(kind: str, x: int, y: int, text: str) -> str:
    return f'<text class="{kind}" x="{x}" y="{y}">{escape(text)}</text>'


def main(words: Sequence[str]) -> int:
    """Write the diagram to the file named; return the exit status."""
    if len(words) != 1:
        print("usage: python -m tools.draw_lifecycle OUT.svg", file=sys.stderr)
        return 2
    Path(words[0]).write_text(draw_lifecycle(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
