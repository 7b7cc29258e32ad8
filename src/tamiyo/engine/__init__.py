"""Train a population of growing hosts in lockstep."""

from __future__ import annotations

from tamiyo.engine.config import EngineConfig, GovernorConfig
from tamiyo.engine.counterfactual import (
    SplitResult,
    Validation,
    compute_paired_difference,
    evaluate_variants,
    measure_fossils,
    validate,
)
from tamiyo.engine.epoch import GradientReading, TrainingResult, read_gradients, train_epoch
from tamiyo.engine.governor import Governor
from tamiyo.engine.member import FinalResult, Member, StepResult
from tamiyo.engine.optimizers import GrowingOptimizer
from tamiyo.engine.population import Population, SequentialPopulation
from tamiyo.engine.work import WorkCounter

__all__ = [
    "EngineConfig",
    "FinalResult",
    "Governor",
    "GovernorConfig",
    "GradientReading",
    "GrowingOptimizer",
    "Member",
    "Population",
    "SequentialPopulation",
    "SplitResult",
    "StepResult",
    "TrainingResult",
    "Validation",
    "WorkCounter",
    "compute_paired_difference",
    "evaluate_variants",
    "measure_fossils",
    "read_gradients",
    "train_epoch",
    "validate",
]
