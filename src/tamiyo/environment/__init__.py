"""The problems a controller learns on, as Gymnasium sees them; importing registers their names."""

from __future__ import annotations

from tamiyo.environment.dict_observation import DictObservation, VectorDictObservation
from tamiyo.environment.hosts.building import EpisodeKey
from tamiyo.environment.hosts.config import Baseline, HostEnvConfig
from tamiyo.environment.hosts.rebuilding import RebuiltEpisode, rebuild_episode
from tamiyo.environment.hosts.single_env import HostEnv
from tamiyo.environment.hosts.vector_env import HostVectorEnv
from tamiyo.environment.likeness import build_digits_config
from tamiyo.environment.probe_env import ProbeEnv, ProbeVectorEnv
from tamiyo.environment.probes import PROBES, Probe
from tamiyo.environment.registration import name_task, register_environments
from tamiyo.environment.surrogate.config import RewardKind, SurrogateConfig
from tamiyo.environment.surrogate.reports import (
    EpisodeOutcomes,
    build_host_report,
    play_controllers,
    play_episode,
)
from tamiyo.environment.surrogate.single_env import SurrogateEnv
from tamiyo.environment.surrogate.vector_env import SurrogateVectorEnv
from tamiyo.environment.yardsticks.clairvoyant import (
    ClairvoyantPlan,
    check_boundable,
    compute_clairvoyant,
)
from tamiyo.environment.yardsticks.halving import search_family
from tamiyo.environment.yardsticks.heuristic_search import HeuristicFamily, search_heuristic
from tamiyo.environment.yardsticks.planning import Plan, solve
from tamiyo.environment.yardsticks.schedule_search import (
    ScheduleFamily,
    play_schedules,
    search_schedule,
)
from tamiyo.environment.yardsticks.schedules import SchedulePlans, decide_by_schedule, to_schedule
from tamiyo.environment.yardsticks.tiny import build_tiny_config

__all__ = [
    "PROBES",
    "Baseline",
    "ClairvoyantPlan",
    "DictObservation",
    "EpisodeKey",
    "EpisodeOutcomes",
    "HeuristicFamily",
    "HostEnv",
    "HostEnvConfig",
    "HostVectorEnv",
    "Plan",
    "Probe",
    "ProbeEnv",
    "ProbeVectorEnv",
    "RebuiltEpisode",
    "RewardKind",
    "ScheduleFamily",
    "SchedulePlans",
    "SurrogateConfig",
    "SurrogateEnv",
    "SurrogateVectorEnv",
    "VectorDictObservation",
    "build_digits_config",
    "build_host_report",
    "build_tiny_config",
    "check_boundable",
    "compute_clairvoyant",
    "decide_by_schedule",
    "name_task",
    "play_controllers",
    "play_episode",
    "play_schedules",
    "rebuild_episode",
    "register_environments",
    "search_family",
    "search_heuristic",
    "search_schedule",
    "solve",
    "to_schedule",
]
