"""What happens to a seed, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tamiyo.contracts import (
    GateEvaluated,
    GovernorRolledBack,
    Initiator,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    StageChanged,
)
from tamiyo.ui.formatting import format_count, format_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tamiyo.contracts import Event, GateCheck, GateVerdict, PairedDifference, SeedStage
    from tamiyo.ui.terminal.symbols import Symbols

__all__ = ["describe_check_gaps", "describe_happening"]

_BY: Final = {
    Initiator.CONTROLLER: "the controller",
    Initiator.GOVERNOR: "the governor",
    Initiator.CLOSING: "the closing of the run",
}


def describe_happening(event: Event, symbols: Symbols) -> str:
    """Say what happened in one sentence without its epoch.

    Args:
        event: An event of a seed or a rollback; of any other kind, its name.
        symbols: Signs the console can show.

    >>> from tamiyo.contracts import GovernorRolledBack
    >>> from rich.console import Console
    >>> from tamiyo.ui.terminal.symbols import choose_symbols
    >>> signs = choose_symbols(Console())
    >>> back = GovernorRolledBack(environment=0, epoch=9, reason="loss rose", restored_epoch=7)
    >>> describe_happening(back, signs)
    'training diverged (loss rose): back to the state after epoch 7'
    """
    describe = _SENTENCES.get(type(event))
    return type(event).__name__ if describe is None else describe(event, symbols)


def describe_check_gaps(verdict: GateVerdict) -> str:
    """List the numbers that keep a gate shut; empty if it is open.

    Args:
        verdict: The gate's verdict.
    """
    return ", ".join(
        f"{_name_check(check)} {'unknown' if check.measured is None else f'{check.measured:.3g}'}, "
        f"must be {check.required:.3g}"
        for check in verdict.checks
        if not check.passed
    )


def _describe_germination(event: SeedGerminated, _symbols: Symbols) -> str:
    return f"{event.seed_id} planted, {format_count(event.parameters)} parameters"


def _describe_stage(event: StageChanged, symbols: Symbols) -> str:
    before, after = _name_stage(event.from_stage), _name_stage(event.to_stage)
    return f"{event.slot_id}: {before} {symbols.arrow} {after}, alpha {event.alpha:.2f}"


def _describe_gate(event: GateEvaluated, _symbols: Symbols) -> str:
    verdict = event.verdict
    if verdict.passed:
        numbers = ", ".join(
            f"{_name_check(check)} {check.measured:.3g} of {check.required:.3g}"
            for check in verdict.checks
            if check.measured is not None
        )
        shown = f" ({numbers})" if numbers else ""
        return f"{event.seed_id}: gate {verdict.gate.name} opened{shown}"
    return f"{event.seed_id}: gate {verdict.gate.name} shut ({describe_check_gaps(verdict)})"


def _describe_fossil(event: SeedFossilized, symbols: Symbols) -> str:
    worth = _describe_worth(event.contribution, symbols)
    return f"{event.seed_id} became part of the host{worth}{_describe_reason(event.reason)}"


def _describe_prune(event: SeedPruned, symbols: Symbols) -> str:
    worth = _describe_worth(event.contribution, symbols)
    by = _BY[event.initiator]
    return f"{event.seed_id} removed by {by}{worth}{_describe_reason(event.reason)}"


def _describe_rollback(event: GovernorRolledBack, _symbols: Symbols) -> str:
    return (
        f"training diverged ({event.reason}): back to the state after epoch {event.restored_epoch}"
    )


def _describe_worth(contribution: PairedDifference | None, symbols: Symbols) -> str:
    if contribution is None:
        return ", contribution unknown"
    return f", contribution {format_difference(contribution, symbols.plus_minus)} points"


def _describe_reason(reason: str) -> str:
    return f" ({reason})" if reason else ""


def _name_check(check: GateCheck) -> str:
    return check.name.replace("_", " ")


def _name_stage(stage: SeedStage | None) -> str:
    return "free" if stage is None else stage.name


_SENTENCES: Final[Mapping[type[Any], Callable[[Any, Symbols], str]]] = {
    SeedGerminated: _describe_germination,
    StageChanged: _describe_stage,
    GateEvaluated: _describe_gate,
    SeedFossilized: _describe_fossil,
    SeedPruned: _describe_prune,
    GovernorRolledBack: _describe_rollback,
}
