"""What a host looks like from outside: how it is called, what its modules put out, what refuses."""

from __future__ import annotations

from tamiyo.model.attaching.calling import call_host, unpack
from tamiyo.model.attaching.probing import SlotProbe, SlotProbes, probe_slots
from tamiyo.model.attaching.proposing import ModuleReport, describe_host, propose_slots

__all__ = [
    "ModuleReport",
    "SlotProbe",
    "SlotProbes",
    "call_host",
    "describe_host",
    "probe_slots",
    "propose_slots",
    "unpack",
]
