"""What a learner is told about a problem, and what it reports; no words of growth."""

from __future__ import annotations

from tamiyo.contracts.learning.spaces import ActionSpec, HeadSpec, ObservationSpec, SlotBlock
from tamiyo.contracts.learning.updates import (
    AdvantageReport,
    HeadReport,
    OpReport,
    PolicyReport,
    RolloutReport,
    UpdateReport,
    ValueReport,
)

__all__ = [
    "ActionSpec",
    "AdvantageReport",
    "HeadReport",
    "HeadSpec",
    "ObservationSpec",
    "OpReport",
    "PolicyReport",
    "RolloutReport",
    "SlotBlock",
    "UpdateReport",
    "ValueReport",
]
