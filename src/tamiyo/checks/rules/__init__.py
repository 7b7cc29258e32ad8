"""What each requirement asks of the evidence, chapter by chapter."""

from __future__ import annotations

from tamiyo.checks.rules.collecting import (
    check_advantages,
    check_bootstraps,
    check_memory,
    check_ratios,
    check_returns,
    check_rows,
)
from tamiyo.checks.rules.deciding import check_credit, check_entropy, check_masks
from tamiyo.checks.rules.living import check_agreement, check_embargo, check_freshness
from tamiyo.checks.rules.paying import (
    check_counters,
    check_cycles,
    check_hindsight,
    check_parts,
)
from tamiyo.checks.rules.seeing import (
    check_blueprints,
    check_normalizer,
    check_observation,
    check_saturation,
    check_stages,
)
from tamiyo.checks.rules.whole import check_ledgers, check_lives

__all__ = [
    "check_advantages",
    "check_agreement",
    "check_blueprints",
    "check_bootstraps",
    "check_counters",
    "check_credit",
    "check_cycles",
    "check_embargo",
    "check_entropy",
    "check_freshness",
    "check_hindsight",
    "check_ledgers",
    "check_lives",
    "check_masks",
    "check_memory",
    "check_normalizer",
    "check_observation",
    "check_parts",
    "check_ratios",
    "check_returns",
    "check_rows",
    "check_saturation",
    "check_stages",
]
