"""Who watches a training: alarms, a clock for its phases, a listener to its decisions."""

from __future__ import annotations

from tamiyo.learning.watching.alarms import Alarm, find_alarms
from tamiyo.learning.watching.clock import OTHER, PhaseClock
from tamiyo.learning.watching.listening import DecisionListener, NoListener

__all__ = ["OTHER", "Alarm", "DecisionListener", "NoListener", "PhaseClock", "find_alarms"]
