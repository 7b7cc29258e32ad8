"""What checks look at: records of runs, and what is played and learned for them."""

from __future__ import annotations

from tamiyo.checks.evidence.courses import HostCourse, HostStep, build_course
from tamiyo.checks.evidence.cycling import run_cycles
from tamiyo.checks.evidence.improvising import Improvisation
from tamiyo.checks.evidence.playing import MOST_PLAYED, play_growth
from tamiyo.checks.evidence.records import Cycles, Evidence, Play, Rehearsal, Round, Rules
from tamiyo.checks.evidence.rehearsing import rehearse

__all__ = [
    "MOST_PLAYED",
    "Cycles",
    "Evidence",
    "HostCourse",
    "HostStep",
    "Improvisation",
    "Play",
    "Rehearsal",
    "Round",
    "Rules",
    "build_course",
    "play_growth",
    "rehearse",
    "run_cycles",
]
