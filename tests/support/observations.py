"""Arrays of environments in which every slot holds a seed that is being blended in."""

from __future__ import annotations

import numpy as np

from tamiyo.contracts import AlphaMode, Blueprint, SeedStage, Style, TaskConfig, Tempo
from tamiyo.observation import CourseArrays, HostArrays, SeedArrays, SizeArrays

__all__ = ["SCALE_TASK", "build_arrays"]

SCALE_TASK = TaskConfig(
    name="toy",
    num_classes=10,
    initial_loss=2.0,
    target_loss=0.5,
    max_epochs=20,
    closing_epochs=4,
    batches_per_epoch=10,
    batch_size=8,
    learning_rate=None,
    final_learning_rate_fraction=1.0,
    rent_points=1.0,
)
"""Losses are scaled by 1.5 nats, epochs by 20, steps by 200."""


def build_arrays(num_envs=2, slots=3):
    """Everything measured, every value within its range and different from the others' codes."""

    def per_host(value):
        return np.full(num_envs, value)

    return HostArrays(
        course=CourseArrays(
            epoch=per_host(5),
            global_step=per_host(50),
            train_loss=per_host(1.0),
            control_loss=per_host(1.2),
            loss_delta=per_host(0.1),
            train_accuracy=per_host(70.0),
            control_accuracy=per_host(60.0),
            accuracy_delta=per_host(2.0),
            plateau_epochs=per_host(3),
            best_accuracy=per_host(65.0),
            best_loss=per_host(1.1),
            loss_history=np.tile([1.9, 1.7, 1.5, 1.3, 1.2], (num_envs, 1)),
            accuracy_history=np.tile([20.0, 30.0, 40.0, 58.0, 60.0], (num_envs, 1)),
        ),
        seeds=_build_seeds(num_envs, slots),
        sizes=SizeArrays(
            host_parameters=per_host(1000),
            parameters=per_host(1200),
            max_parameters=per_host(np.inf),
            blueprint_parameters=np.full((num_envs, slots, len(Blueprint)), 50),
            gate_parameters=np.full((num_envs, slots), 5),
            min_prune_age_epochs=per_host(2),
        ),
    )


def _build_seeds(num_envs, slots):
    def seed(value):
        return np.full((num_envs, slots), value)

    return SeedArrays(
        stage=seed(int(SeedStage.BLENDING)),
        blueprint=seed(int(Blueprint.NORM)),
        style=seed(int(Style.SIGMOID_ADD)),
        tempo=seed(int(Tempo.STANDARD)),
        alpha=seed(0.2),
        alpha_target=seed(0.7),
        alpha_mode=seed(int(AlphaMode.UP)),
        steps_total=seed(5),
        steps_done=seed(1),
        age_epochs=seed(4),
        epochs_in_stage=seed(2),
        gate_passed=seed(False),
        contribution=seed(3.0),
        contribution_velocity=seed(0.5),
        interaction_sum=seed(-1.0),
        boost=seed(0.5),
        improvement_points=seed(1.5),
        gradient_norm=seed(2.0),
        gradient_health=seed(0.9),
    )
