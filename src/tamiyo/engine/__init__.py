"""Train a population of growing hosts in lockstep."""

from __future__ import annotations

from tamiyo.engine.batched import BatchedPopulation, ask_for_equal_bits
from tamiyo.engine.config import EngineConfig, EngineKind, GovernorConfig
from tamiyo.engine.counterfactual import (
    SplitResult,
    Validation,
    compute_paired_difference,
    evaluate_variants,
    measure_fossils,
    validate,
)
from tamiyo.engine.epoch import (
    GradientReading,
    TrainingResult,
    read_gradients,
    train_epoch,
)
from tamiyo.engine.governor import Governor
from tamiyo.engine.loaders import FixedBatches, LoaderData
from tamiyo.engine.measuring import EpochMeter, choose_scale, judge_network
from tamiyo.engine.member import FinalResult, Member, StepResult
from tamiyo.engine.optimizers import GrowingOptimizer
from tamiyo.engine.populations import (
    Population,
    PopulationChoice,
    SequentialPopulation,
    build_population,
    find_obstacle,
)
from tamiyo.engine.trainee import Trainee, build_task_trainee
from tamiyo.engine.work import WorkCounter
from tamiyo.engine.workers import ArrayField, Encoding, SharedArrays, WorkerPopulation

__all__ = [
    "ArrayField",
    "BatchedPopulation",
    "Encoding",
    "EngineConfig",
    "EngineKind",
    "EpochMeter",
    "FinalResult",
    "FixedBatches",
    "Governor",
    "GovernorConfig",
    "GradientReading",
    "GrowingOptimizer",
    "LoaderData",
    "Member",
    "Population",
    "PopulationChoice",
    "SequentialPopulation",
    "SharedArrays",
    "SplitResult",
    "StepResult",
    "Trainee",
    "TrainingResult",
    "Validation",
    "WorkCounter",
    "WorkerPopulation",
    "ask_for_equal_bits",
    "build_population",
    "build_task_trainee",
    "choose_scale",
    "compute_paired_difference",
    "evaluate_variants",
    "find_obstacle",
    "judge_network",
    "measure_fossils",
    "read_gradients",
    "train_epoch",
    "validate",
]
