"""A run as an engine would tell it: one event of each type, and a whole run of 60 epochs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tamiyo.contracts import (
    ACCURACY,
    AdaptationCommand,
    AlarmKind,
    AlarmRaised,
    AlphaMode,
    AlphaReport,
    AlphaTarget,
    Blueprint,
    CheckpointWritten,
    DecisionEvidence,
    DecisionMade,
    EpisodeCounters,
    EpisodeFinished,
    EpisodeStarted,
    EpochCompleted,
    EpochReport,
    Event,
    EventsDropped,
    FieldMove,
    GateCheck,
    GateEvaluated,
    GateLevel,
    GateVerdict,
    GovernorRolledBack,
    Head,
    HostReport,
    Initiator,
    InteractionReport,
    LifecycleOp,
    MetricScale,
    PairedDifference,
    PhasesTimed,
    RewardPaid,
    RewardParts,
    RunFinished,
    RunStarted,
    SeedFossilized,
    SeedGerminated,
    SeedPruned,
    SeedReport,
    SeedStage,
    SlotReport,
    StageChanged,
    Style,
    TamiyoInitiated,
    Tempo,
    TrainingFinished,
    TrainingStarted,
    TwinTrained,
    UpdateCompleted,
)
from tests.support.updates import build_update

__all__ = ["BITS", "build_evidence", "build_one_of_each", "build_run", "build_twin"]

BITS = MetricScale(name="bits per byte", best=0.0, worst=8.0)
"""A metric that is no share and of which less is better."""

HOST_PARAMETERS = 8_234
SLOT_IDS = ("r0c0", "r0c1", "r0c2")
EPOCHS, CLOSING_EPOCHS, EMBARGO_EPOCHS, ROLLBACK_EPOCH = 60, 5, 5, 36
SIZES = {
    Blueprint.NOOP: 0,
    Blueprint.CONV_LIGHT: 320,
    Blueprint.NORM: 32,
    Blueprint.DEPTHWISE: 176,
    Blueprint.BOTTLENECK: 412,
    Blueprint.CONV_HEAVY: 2_368,
}


@dataclass(frozen=True)
class Life:
    """What becomes of one seed; epochs are those a decision acts in."""

    slot_id: str
    number: int
    blueprint: Blueprint
    style: Style
    tempo: Tempo
    target: AlphaTarget
    germinated: int
    training: int
    blending: int
    holding: int
    ended: int
    fate: SeedStage
    points: float
    reason: str
    initiator: Initiator = Initiator.CONTROLLER

    @property
    def seed_id(self):
        return f"{self.slot_id}-{self.number}-{self.blueprint.name.lower()}"

    @property
    def parameters(self):
        return SIZES[self.blueprint]

    def stage(self, epoch):
        """Stage in an epoch; None before birth and after the embargo."""
        if epoch < self.germinated:
            return None
        if epoch >= self.ended:
            if self.fate == SeedStage.FOSSILIZED:
                return SeedStage.FOSSILIZED
            since = epoch - self.ended
            if since >= EMBARGO_EPOCHS:
                return None
            return (SeedStage.PRUNED, *[SeedStage.EMBARGOED] * 3, SeedStage.RESETTING)[since]
        for begin, stage in (
            (self.holding, SeedStage.HOLDING),
            (self.blending, SeedStage.BLENDING),
            (self.training, SeedStage.TRAINING),
        ):
            if epoch >= begin:
                return stage
        return SeedStage.GERMINATED

    def alpha(self, epoch):
        """Influence in an epoch: a ramp over the tempo; a removed or growing seed has none."""
        is_gone = epoch >= self.ended and self.fate != SeedStage.FOSSILIZED
        if epoch < self.blending or is_gone:
            return 0.0
        return self.target.alpha * min(1.0, (epoch - self.blending + 1) / self.tempo.epochs)


C, G = Initiator.CONTROLLER, SeedStage.FOSSILIZED
LIVES = (
    Life("r0c1", 1, Blueprint.CONV_LIGHT, Style.SIGMOID_ADD, Tempo.STANDARD, AlphaTarget.FULL,
         8, 9, 13, 18, 22, SeedStage.FOSSILIZED, 4.3, "contribution above the gate"),
    Life("r0c0", 1, Blueprint.NORM, Style.LINEAR_ADD, Tempo.FAST, AlphaTarget.HALF,
         12, 13, 15, 18, 20, SeedStage.PRUNED, -0.6, "contribution below zero for 3 epochs"),
    Life("r0c2", 1, Blueprint.DEPTHWISE, Style.GATED_GATE, Tempo.SLOW, AlphaTarget.SEVENTY,
         26, 27, 32, 40, 45, SeedStage.FOSSILIZED, 2.1, "contribution above the gate"),
    Life("r0c0", 2, Blueprint.BOTTLENECK, Style.LINEAR_ADD, Tempo.STANDARD, AlphaTarget.FULL,
         47, 48, 51, 99, 58, SeedStage.PRUNED, 0.4, "not committed when the run closed",
         Initiator.CLOSING),
)  # fmt: skip


def build_run(
    *,
    epochs: int = EPOCHS,
    is_finished: bool = True,
    metric: MetricScale = ACCURACY,
    has_test: bool = True,
) -> list[Event]:
    """Build a run with three slots, four seeds (two kept, two pruned) and one rollback."""
    events: list[Event] = [_start(metric)]
    for epoch in range(1, epochs + 1):
        events += _epoch_events(epoch)
    if is_finished:
        events.append(_finish(epochs, has_test=has_test))
    return events


def build_one_of_each() -> tuple[Event, ...]:
    """Build one event of every type, each optional field filled once."""
    return (
        _start(ACCURACY),
        TamiyoInitiated(environment=0, epoch=6),
        *_list_of_a_training(),
        _decision(8, LIVES[0], LifecycleOp.GERMINATE),
        DecisionMade(
            environment=0,
            epoch=9,
            command=AdaptationCommand(reason="nothing to do"),
            action_valid=False,
            refusal="op must be one of WAIT here, got PRUNE",
            evidence=build_evidence(),
        ),
        RewardPaid(
            environment=0, epoch=9, parts=RewardParts(bounded_attribution=0.5, compute_rent=-0.25)
        ),
        EpisodeStarted(
            environment=0,
            episode=3,
            seed=11,
            task="digits-cnn",
            metric=ACCURACY,
            epochs=EPOCHS,
            host=_host(0),
            initial=_measured(0),
        ),
        EpisodeFinished(
            environment=0,
            episode=3,
            episode_return=1.5,
            score=81.25,
            host_score=79.5,
            host_parameters=HOST_PARAMETERS,
            parameters=HOST_PARAMETERS + 320,
            diverged=False,
            is_thrashing=False,
            counters=EpisodeCounters(seeds_created=2, seeds_fossilized=1, prunes=1),
        ),
        EventsDropped(sink="tensorboard", count=12, reason=None),
        _germination(LIVES[0]),
        _stage_change(8, LIVES[0]),
        _gate(9, LIVES[0]),
        _fossil(LIVES[0]),
        _prune(LIVES[1]),
        GovernorRolledBack(environment=0, epoch=30, reason="loss is not finite", restored_epoch=28),
        EpochCompleted(environment=0, measured=_measured(32), host=_host(32)),
        _finish(EPOCHS, has_test=True),
        build_twin(),
    )


def _list_of_a_training() -> tuple[Event, ...]:
    return (
        TrainingStarted(
            env_id="tamiyo/Surrogate-v0",
            seed=0,
            config_hash="0123456789abcdef",
            num_envs=64,
            total_steps=320_000,
            steps=0,
            parameters=50_000,
        ),
        UpdateCompleted(report=build_update()),
        AlarmRaised(kind=AlarmKind.RATIO_JUMP, message="ratio rose to 7.1, above 5", steps=1_600),
        CheckpointWritten(updates=1, steps=1_600, size_bytes=274_764),
        PhasesTimed(steps=1_600, seconds={"train": 2.5, "policy": 0.25, "other": 0.5}),
        TrainingFinished(updates=200, steps=320_000, interrupted=False),
    )


def build_evidence() -> DecisionEvidence:
    """Build what a learned controller decided from."""
    return DecisionEvidence(
        legal_ops=(LifecycleOp.WAIT, LifecycleOp.GERMINATE),
        probabilities={Head.OP: {"WAIT": 0.75, "GERMINATE": 0.25}},
        value=1.25,
        moved=(
            FieldMove(field="control_accuracy", before=0.5, after=0.75),
            FieldMove(field="control_loss", before=0.5, after=0.4),
        ),
    )


def build_twin(*, environment: int = 0, has_test: bool = True) -> TwinTrained:
    """Build what the same host became without growing: every epoch three points worse."""
    return TwinTrained(
        environment=environment,
        control_accuracies=tuple(
            _measured(epoch).control_accuracy - 3 for epoch in range(EPOCHS + 1)
        ),
        test_accuracy=79.5 if has_test else None,
        parameters=HOST_PARAMETERS,
        multiply_adds=60_000_000_000,
    )


def _start(metric) -> RunStarted:
    return RunStarted(
        task="digits-cnn",
        metric=metric,
        controller="heuristic",
        seed=7,
        epochs=EPOCHS,
        config_hash="3f9a2c10",
        host=_host(0),
        initial=_measured(0),
    )


def _epoch_events(epoch: int) -> list[Event]:
    events: list[Event] = []
    if epoch == 7:
        events.append(TamiyoInitiated(environment=0, epoch=epoch))
    life, op = _decided(epoch)
    if epoch <= EPOCHS - CLOSING_EPOCHS:
        events.append(_decision(epoch, life, op))
    for life in LIVES:
        if epoch == life.germinated:
            events.append(_germination(life))
        if life.stage(epoch) != life.stage(epoch - 1):
            events.append(_stage_change(epoch, life))
        if epoch == life.ended:
            events.append(_fossil(life) if life.fate == SeedStage.FOSSILIZED else _prune(life))
    if epoch == ROLLBACK_EPOCH:
        reason = "loss 9.71 above 3 times its average"
        events.append(
            GovernorRolledBack(environment=0, epoch=epoch, reason=reason, restored_epoch=34)
        )
    return [*events, EpochCompleted(environment=0, measured=_measured(epoch), host=_host(epoch))]


def _decided(epoch):
    for life in LIVES:
        for at, op in (
            (life.germinated, LifecycleOp.GERMINATE),
            (life.training, LifecycleOp.ADVANCE),
            (life.blending, LifecycleOp.ADVANCE),
            (life.holding, LifecycleOp.ADVANCE),
            (life.ended, LifecycleOp.FOSSILIZE if life.fate == G else LifecycleOp.PRUNE),
        ):
            if at == epoch:
                return life, op
    return None, LifecycleOp.WAIT


def _decision(epoch, life, op) -> DecisionMade:
    is_birth = op == LifecycleOp.GERMINATE
    command = AdaptationCommand(
        op=op,
        slot_id=None if life is None else life.slot_id,
        blueprint=life.blueprint if is_birth else None,
        style=life.style if is_birth else None,
        tempo=life.tempo if is_birth else None,
        alpha_target=life.target if is_birth else None,
        reason="plateau for 3 epochs" if is_birth else "",
    )
    return DecisionMade(
        environment=0, epoch=epoch, command=command, action_valid=True, refusal=None
    )


def _germination(life) -> SeedGerminated:
    return SeedGerminated(
        environment=0,
        epoch=life.germinated,
        slot_id=life.slot_id,
        seed_id=life.seed_id,
        command=_decision(life.germinated, life, LifecycleOp.GERMINATE).command,
        parameters=life.parameters,
    )


def _stage_change(epoch, life) -> StageChanged:
    return StageChanged(
        environment=0,
        epoch=epoch,
        slot_id=life.slot_id,
        seed_id=life.seed_id,
        from_stage=life.stage(epoch - 1),
        to_stage=life.stage(epoch),
        alpha=life.alpha(epoch),
        epochs_in_stage=2,
    )


def _gate(epoch, life) -> GateEvaluated:
    checks = (
        GateCheck(name="epochs_in_stage", measured=1.0, required=1.0, passed=True),
        GateCheck(name="shadow_gain", measured=None, required=0.0, passed=False),
    )
    verdict = GateVerdict(gate=GateLevel.G2, checks=checks)
    return GateEvaluated(
        environment=0, epoch=epoch, slot_id=life.slot_id, seed_id=life.seed_id, verdict=verdict
    )


def _fossil(life) -> SeedFossilized:
    return SeedFossilized(
        environment=0,
        epoch=life.ended,
        slot_id=life.slot_id,
        seed_id=life.seed_id,
        parameters=life.parameters,
        alpha=life.target.alpha,
        contribution=_difference(life.points + 0.5),
        improvement_points=life.points,
        reason=life.reason,
    )


def _prune(life) -> SeedPruned:
    return SeedPruned(
        environment=0,
        epoch=life.ended,
        slot_id=life.slot_id,
        seed_id=life.seed_id,
        parameters=life.parameters,
        age_epochs=life.ended - life.germinated,
        contribution=_difference(life.points),
        initiator=life.initiator,
        reason=life.reason,
    )


def _finish(epochs, *, has_test) -> RunFinished:
    kept = [life for life in LIVES if life.fate == SeedStage.FOSSILIZED and life.ended <= epochs]
    parameters = HOST_PARAMETERS + sum(life.parameters for life in kept)
    accuracy = _measured(epochs).committed_accuracy - 0.8
    return RunFinished(
        environment=0,
        epochs=epochs,
        interrupted=epochs < EPOCHS,
        control_accuracy=_measured(epochs).committed_accuracy,
        test_accuracy=accuracy if has_test else None,
        score=accuracy - 5 * math.log(parameters / HOST_PARAMETERS) if has_test else None,
        host_parameters=HOST_PARAMETERS,
        parameters=parameters,
        multiply_adds=_measured(epochs).multiply_adds,
        contributions={life.seed_id: _difference(life.points) for life in kept},
    )


def _difference(points) -> PairedDifference:
    return PairedDifference(points=points, points_error=0.7, loss=points / 40, loss_error=0.01)


def _measured(epoch) -> EpochReport:
    grown = sum(life.points * life.alpha(epoch) / life.target.alpha for life in LIVES)
    pending = sum(
        life.points * life.alpha(epoch) + 9 * life.alpha(epoch)
        for life in LIVES
        if life.stage(epoch) in {SeedStage.BLENDING, SeedStage.HOLDING}
    )
    noise = 0.5 * math.sin(2.7 * epoch) + 0.35 * math.sin(5.1 * epoch + 1)
    drop = 11.0 if epoch == ROLLBACK_EPOCH else 0.0
    accuracy = 10.2 + 71 * (1 - math.exp(-epoch / 6.5)) + grown - drop + (noise if epoch else 0)
    return EpochReport(
        epoch=epoch,
        global_step=epoch * 17,
        train_loss=None if epoch == 0 else 2.32 * math.exp(-epoch / 9) + 0.21,
        train_accuracy=None if epoch == 0 else min(100.0, accuracy + 2),
        control_loss=2.05 * math.exp(-epoch / 9) + 0.28 + drop / 10 - noise / 60,
        control_accuracy=round(accuracy, 2),
        committed_accuracy=round(accuracy - pending, 2),
        multiply_adds=epoch * 1_240_000_000,
        interactions=(InteractionReport(slot_ids=("r0c0", "r0c1"), points=0.3),),
        rolled_back="loss 9.71 above 3 times its average" if drop else None,
    )


def _host(epoch) -> HostReport:
    slots = tuple(_slot(slot_id, epoch) for slot_id in SLOT_IDS)
    return HostReport(
        environment=0,
        epoch=epoch + 1,
        host_parameters=HOST_PARAMETERS,
        parameters=HOST_PARAMETERS + sum(slot.seed.parameters for slot in slots if slot.seed),
        max_parameters=12_000,
        min_prune_age_epochs=2,
        slots=slots,
    )


def _slot(slot_id, epoch) -> SlotReport:
    living = [life for life in LIVES if life.slot_id == slot_id and life.stage(epoch) is not None]
    life = living[-1] if living else None
    is_cooling = life is not None and epoch >= life.ended and life.fate != SeedStage.FOSSILIZED
    return SlotReport(
        slot_id=slot_id,
        stage=None if life is None else life.stage(epoch),
        cooldown_epochs=EMBARGO_EPOCHS - (epoch - life.ended) if is_cooling else 0,
        seed=None if life is None or is_cooling else _seed(life, epoch),
        blueprint_parameters=SIZES,
        gate_parameters=17,
    )


def _seed(life, epoch) -> SeedReport:
    alpha, is_live = life.alpha(epoch), epoch >= life.blending
    is_ramping = is_live and alpha < life.target.alpha
    return SeedReport(
        seed_id=life.seed_id,
        blueprint=life.blueprint,
        style=life.style,
        tempo=life.tempo,
        parameters=life.parameters,
        age_epochs=epoch - life.germinated + 1,
        epochs_in_stage=1,
        alpha=AlphaReport(
            alpha=alpha,
            target=life.target.alpha if is_live else 0.0,
            mode=AlphaMode.UP if is_ramping else AlphaMode.HOLD,
            steps_total=life.tempo.epochs if is_live else 0,
            steps_done=min(life.tempo.epochs, max(0, epoch - life.blending + 1)),
        ),
        gate=None,
        shadow_gain=None if is_live else _difference(0.8),
        contribution=_difference(life.points) if is_live else None,
        contribution_velocity=0.1 if is_live else None,
        epochs_since_counterfactual=0 if is_live else None,
        improvement_points=life.points if is_live else None,
        gradient_norm=0.4,
        gradient_health=0.95,
        previous_gradient_health=None,
    )
