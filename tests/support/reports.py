"""Builders of reports with sensible defaults, and hypothesis strategies for any report."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from tamiyo.contracts import (
    ADVANCE_GATES,
    COOLDOWN_STAGES,
    LIVE_STAGES,
    AlphaMode,
    AlphaReport,
    Blueprint,
    EpochReport,
    GateCheck,
    GateLevel,
    GateVerdict,
    HostReport,
    PairedDifference,
    SeedReport,
    SeedStage,
    SlotReport,
    Style,
    Tempo,
    TrainingSignals,
)

__all__ = [
    "BLUEPRINT_PARAMETERS",
    "build_alpha_report",
    "build_epoch_report",
    "build_gain",
    "build_host_report",
    "build_seed_report",
    "build_signals",
    "build_slot_report",
    "build_verdict",
    "host_reports",
    "training_signals",
]

BLUEPRINT_PARAMETERS = {
    Blueprint.NOOP: 0,
    Blueprint.CONV_LIGHT: 300,
    Blueprint.ATTENTION: 250,
    Blueprint.NORM: 20,
    Blueprint.DEPTHWISE: 100,
    Blueprint.BOTTLENECK: 200,
    Blueprint.CONV_SMALL: 60,
    Blueprint.CONV_HEAVY: 600,
}
"""What a slot on a convolutional feature map offers."""

SEED_STAGES = (
    SeedStage.GERMINATED,
    SeedStage.TRAINING,
    SeedStage.BLENDING,
    SeedStage.HOLDING,
    SeedStage.FOSSILIZED,
)


def build_gain(points=0.0, *, points_error=0.5, loss=None, loss_error=0.01):
    """A paired difference; by default its loss has the sign of its points."""
    return PairedDifference(
        points=points,
        points_error=points_error,
        loss=points / 100 if loss is None else loss,
        loss_error=loss_error,
    )


def build_verdict(gate, *, passed=True):
    """A verdict with one check."""
    check = GateCheck(name="check", measured=float(passed), required=1.0, passed=passed)
    return GateVerdict(gate=gate, checks=(check,))


def build_alpha_report(**changes):
    """A steady schedule at alpha 0 that leads to 1."""
    defaults = {
        "alpha": 0.0,
        "target": 1.0,
        "mode": AlphaMode.HOLD,
        "steps_total": 0,
        "steps_done": 0,
    }
    return AlphaReport(**(defaults | changes))


def build_seed_report(**changes):
    """A seed of 5 epochs, one of them in its stage, without a verdict or a measurement."""
    defaults = {
        "seed_id": "r0c0-1",
        "blueprint": Blueprint.CONV_LIGHT,
        "style": Style.SIGMOID_ADD,
        "tempo": Tempo.STANDARD,
        "parameters": BLUEPRINT_PARAMETERS.get(changes.get("blueprint", Blueprint.CONV_LIGHT), 150),
        "age_epochs": 5,
        "epochs_in_stage": 1,
        "alpha": build_alpha_report(),
        "gate": None,
        "shadow_gain": None,
        "contribution": None,
        "contribution_velocity": None,
        "epochs_since_counterfactual": None,
        "improvement_points": None,
        "gradient_norm": None,
        "gradient_health": None,
        "previous_gradient_health": None,
    }
    return SeedReport(**(defaults | changes))


def build_slot_report(slot_id="r0c0", stage=None, *, gate_passed=False, seed=None, **changes):
    """A slot; with a stage that needs one it holds a seed, whose gate passed or not.

    A live seed is at full alpha. ``seed`` replaces the whole seed report.
    """
    if seed is None and stage in SEED_STAGES:
        seed = build_seed_report(
            seed_id=f"{slot_id}-1",
            gate=_verdict_on(stage, passed=gate_passed),
            alpha=build_alpha_report(alpha=1.0 if stage in _INFLUENTIAL else 0.0),
        )
    defaults = {
        "slot_id": slot_id,
        "stage": stage,
        "cooldown_epochs": 3 if stage in COOLDOWN_STAGES else 0,
        "seed": seed,
        "blueprint_parameters": BLUEPRINT_PARAMETERS,
        "gate_parameters": 5,
    }
    return SlotReport(**(defaults | changes))


def build_host_report(*slots, **changes):
    """A host of 1000 parameters and its seeds' in epoch 10; by default one free slot ``r0c0``."""
    slots = slots or (build_slot_report(),)
    host_parameters = changes.get("host_parameters", 1000)
    grown = sum(slot.seed.parameters for slot in slots if slot.seed is not None)
    defaults = {
        "environment": 0,
        "epoch": 10,
        "host_parameters": host_parameters,
        "parameters": host_parameters + grown,
        "max_parameters": None,
        "min_prune_age_epochs": 2,
        "slots": slots,
    }
    return HostReport(**(defaults | changes))


def build_epoch_report(epoch=1, control_loss=1.0, control_accuracy=50.0, **changes):
    """An epoch of 10 steps."""
    defaults = {
        "epoch": epoch,
        "global_step": 10 * epoch,
        "train_loss": None if epoch == 0 else control_loss,
        "train_accuracy": None if epoch == 0 else control_accuracy,
        "control_loss": control_loss,
        "control_accuracy": control_accuracy,
        "committed_accuracy": control_accuracy,
        "multiply_adds": 1000 * epoch,
    }
    return EpochReport(**(defaults | changes))


def build_signals(**changes):
    """A stabilized host on a plateau after epoch 9, with 30 decisions left."""
    defaults = {
        "epoch": 9,
        "epochs_left": 30,
        "global_step": 90,
        "train_loss": 0.5,
        "control_loss": 0.6,
        "control_accuracy": 80.0,
        "loss_delta": 0.0,
        "accuracy_delta": 0.0,
        "smoothed_loss": 0.6,
        "loss_noise": 0.01,
        "plateau_epochs": 5,
        "is_stabilized": True,
        "best_accuracy": 81.0,
        "best_loss": 0.59,
        "loss_history": (0.62, 0.61, 0.6, 0.6, 0.6),
        "accuracy_history": (79.0, 80.0, 81.0, 80.0, 80.0),
    }
    return TrainingSignals(**(defaults | changes))


_INFLUENTIAL = LIVE_STAGES | {SeedStage.FOSSILIZED}


def _verdict_on(stage, *, passed):
    if stage == SeedStage.FOSSILIZED:
        return None
    return build_verdict(ADVANCE_GATES.get(stage, GateLevel.G5), passed=passed)


_GAINS = st.none() | st.builds(
    build_gain,
    st.floats(-20, 20),
    points_error=st.none() | st.floats(0, 5),
    loss=st.floats(-1, 1),
)


@st.composite
def _alpha_reports(draw, stage):
    if stage not in _INFLUENTIAL:
        return build_alpha_report()
    mode = draw(st.sampled_from(AlphaMode)) if stage in LIVE_STAGES else AlphaMode.HOLD
    alphas = {
        AlphaMode.HOLD: ((0.5, 0.5), (0.7, 0.7), (1.0, 1.0)),
        AlphaMode.UP: ((0.0, 1.0), (0.2, 0.5), (0.6, 0.7)),
        AlphaMode.DOWN: ((0.9, 0.5), (0.4, 0.0), (1.0, 0.0)),
    }
    alpha, target = draw(st.sampled_from(alphas[mode]))
    return build_alpha_report(alpha=alpha, target=target, mode=mode, steps_total=5, steps_done=2)


@st.composite
def _slot_reports(draw, slot_id):
    offered = draw(st.sets(st.sampled_from(tuple(Blueprint)[1:])))
    sizes = {Blueprint.NOOP: 0} | {b: draw(st.integers(1, 500)) for b in sorted(offered)}
    stage = draw(st.none() | st.sampled_from(SEED_STAGES + tuple(sorted(COOLDOWN_STAGES))))
    slot = build_slot_report(
        slot_id, stage, blueprint_parameters=sizes, gate_parameters=draw(st.integers(1, 20))
    )
    if slot.seed is None:
        return slot
    age = draw(st.integers(0, 30))
    seed = replace(
        slot.seed,
        seed_id=f"{slot_id}-{draw(st.integers(1, 3))}",
        blueprint=draw(st.sampled_from(tuple(Blueprint)[1:])),
        style=draw(st.sampled_from(Style)),
        tempo=draw(st.sampled_from(Tempo)),
        parameters=draw(st.integers(1, 500)),
        age_epochs=age,
        epochs_in_stage=draw(st.integers(0, age)),
        alpha=draw(_alpha_reports(stage)),
        gate=draw(st.none() | st.just(_verdict_on(stage, passed=draw(st.booleans())))),
        shadow_gain=draw(_GAINS),
        contribution=draw(_GAINS),
    )
    return replace(slot, seed=seed)


@st.composite
def host_reports(draw):
    """Any host of one to four slots, in any mixture of stages, with or without a budget."""
    count = draw(st.integers(1, 4))
    slots = [draw(_slot_reports(f"r0c{column}")) for column in range(count)]
    return build_host_report(
        *slots,
        epoch=draw(st.integers(1, 60)),
        max_parameters=draw(st.none() | st.integers(1000, 3000)),
        min_prune_age_epochs=draw(st.integers(0, 4)),
    )


def training_signals():
    """Signals on both sides of every threshold that controllers look at."""
    return st.builds(
        build_signals,
        epoch=st.integers(0, 60),
        epochs_left=st.integers(1, 60),
        plateau_epochs=st.integers(0, 10),
        is_stabilized=st.booleans(),
    )
