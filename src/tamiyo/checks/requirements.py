"""The requirements: their numbers, what each is about, and which check looks at it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from tamiyo.checks.evidence import Evidence
from tamiyo.checks.findings import Finding
from tamiyo.checks.rules import (
    check_advantages,
    check_agreement,
    check_blueprints,
    check_bootstraps,
    check_counters,
    check_credit,
    check_cycles,
    check_embargo,
    check_entropy,
    check_freshness,
    check_hindsight,
    check_ledgers,
    check_lives,
    check_masks,
    check_memory,
    check_normalizer,
    check_observation,
    check_parts,
    check_ratios,
    check_returns,
    check_rows,
    check_saturation,
    check_stages,
)

__all__ = ["REQUIREMENTS", "Requirement"]


@dataclass(frozen=True)
class Requirement:
    """Something that must hold.

    Attributes:
        id: Its number: the chapter, a dot, its place there.
        title: What it is about.
        statement: What must hold, in one sentence.
        check: What ``tamiyo check`` looks at; ``None`` where tests alone show it.
    """

    id: str
    title: str
    statement: str
    check: Callable[[Evidence], Iterable[Finding]] | None = None


REQUIREMENTS: Final = (
    Requirement(
        "0.1",
        "ends and cuts",
        "A step that terminates is followed by nothing, one that is truncated by the value of the "
        "final observation, and a cut within an episode by the value of the next state with the "
        "memory it carries.",
    ),
    Requirement(
        "0.2",
        "joint ratio",
        "The policy is autoregressive and unused heads are neutral with log-probability 0, so the "
        "joint ratio is exact; the trust region is around it.",
    ),
    Requirement(
        "0.3",
        "size of observations",
        "23 base fields, 39 per slot and 26 more per slot with telemetry, from one list of named "
        "fields.",
    ),
    Requirement(
        "0.4",
        "value head",
        "The value is that of the state: it is never given the action.",
    ),
    Requirement(
        "0.5",
        "what may be pruned",
        "A seed whose stage may be followed by PRUNED, whose alpha is steady and whose age is at "
        "least min_prune_age_epochs; a fossil never.",
    ),
    Requirement(
        "0.6",
        "embargo",
        "Every prune closes its slot: one that ends in step t refuses GERMINATE in the decisions "
        "from t + 1 to t + embargo_epochs_after_prune, and not in the next.",
    ),
    Requirement(
        "0.7",
        "threshold of commitment",
        "A seed is committed only if its contribution reaches the threshold, judged against its "
        "standard error, and it has not made the network worse; no gate uses the twin.",
    ),
    Requirement(
        "0.8",
        "stabilization latch",
        "It is sticky, closes no earlier than min_stabilization_epoch, takes no rise of the loss "
        "for stability, and is told once.",
    ),
    Requirement(
        "0.9",
        "gates and masks",
        "ADVANCE and FOSSILIZE are legal only if their gate passed, blueprints beyond the budget "
        "never; what stands in unused heads does not make an action illegal.",
    ),
    Requirement(
        "0.10",
        "change of style",
        "A retarget to another style fades the old one out while the new one fades in, never in "
        "an instant, and both count as shock.",
    ),
    Requirement(
        "0.11",
        "order of heads",
        "op, slot, blueprint, style, tempo, alpha_target, alpha_speed, alpha_curve; the learner "
        "is told heads, parents, uses and neutral choices, and no words of growth.",
    ),
    Requirement(
        "0.12",
        "harmful seeds",
        "Removing a harmful seed pays; growing one in order to remove it does not.",
    ),
    Requirement(
        "1.1",
        "observation",
        "Every documented index holds its quantity, scaled to about [-1, 1]; what is not measured "
        "has a code and is never 0.",
        check_observation,
    ),
    Requirement(
        "1.2",
        "stages",
        "Every stage is one of the ten; another one is refused with slot and environment.",
        check_stages,
    ),
    Requirement(
        "1.3",
        "blueprint index",
        "It is that of the enum of 13; what is not registered is refused.",
        check_blueprints,
    ),
    Requirement(
        "1.4",
        "types",
        "Features are float32 and masks bool from their creation to the distribution.",
    ),
    Requirement(
        "1.5",
        "telemetry on and off",
        "Both layouts train; a checkpoint of one refuses the other.",
    ),
    Requirement(
        "2.1",
        "task of a run",
        "Flags make the run's effective task; contradictions stop it with both values.",
    ),
    Requirement(
        "2.2",
        "normalizer",
        "It moves once per round by the raw states that were acted on, is frozen within a rollout "
        "and in evaluation, and is saved; the buffer holds what the network saw.",
        check_normalizer,
    ),
    Requirement(
        "2.3",
        "clamps",
        "Every clamp counts what it cuts; of no feature more than 1 % is cut.",
        check_saturation,
    ),
    Requirement(
        "2.4",
        "global step",
        "Optimizer steps completed, epochs counted from 1 at the end of the first.",
    ),
    Requirement(
        "3.1",
        "masks",
        "Masks and execution ask one function: what is drawn from the masks is executed, and "
        "without a free slot nothing germinates.",
        check_masks,
    ),
    Requirement(
        "3.2",
        "credit of heads",
        "For every op, the heads it does not use get exactly no policy gradient.",
        check_credit,
    ),
    Requirement(
        "3.3",
        "value and ops",
        "The value does not change with the action; advantage and value error by op are told, and "
        "their drift raises an alarm.",
    ),
    Requirement(
        "3.4",
        "entropy",
        "A share of what legal choices allow, on steps that used the head, and conditionally; "
        "updates that never use a head leave it undecided.",
        check_entropy,
    ),
    Requirement(
        "4.1",
        "cooldown",
        "After any prune the slot is closed for the whole embargo and then free; a scheduled prune "
        "of n epochs is over after n.",
        check_embargo,
    ),
    Requirement(
        "4.2",
        "legality",
        "For every pair of stage and op, mask, execution and reward agree; an illegal command "
        "becomes WAIT and changes nothing.",
        check_agreement,
    ),
    Requirement(
        "4.3",
        "tracker",
        "Latch, plateau, best and history are exact at their boundaries.",
    ),
    Requirement(
        "4.4",
        "fresh fields",
        "What is told of a seed is of this epoch or says how old it is; not measured is a value of "
        "its own.",
        check_freshness,
    ),
    Requirement(
        "5.1",
        "rows",
        "Every field of a transition lies in the same row, and a forgotten field is an error.",
        check_rows,
    ),
    Requirement(
        "5.2",
        "returns",
        "Advantages are those of the definition under all four combinations of ends, and never "
        "cross environments or episodes.",
        check_returns,
    ),
    Requirement(
        "5.3",
        "bootstrap values",
        "Each belongs to its environment, also where only some are cut.",
        check_bootstraps,
    ),
    Requirement(
        "5.4",
        "hidden state",
        "It is that before the step, zero at starts and carried over cuts; a fresh rollout has "
        "ratio 1.",
        check_memory,
    ),
    Requirement(
        "5.5",
        "rewards",
        "The buffer's reward is the normalized one of the log, next to the raw one; nothing is "
        "normalized twice.",
    ),
    Requirement(
        "6.1",
        "ratio",
        "A head that was not used cannot move the joint ratio; a used one moves it by its own.",
        check_ratios,
    ),
    Requirement(
        "6.2",
        "inner epochs",
        "More than one; clipping and the stop by divergence act, and what ran is what is told.",
    ),
    Requirement(
        "6.3",
        "advantages",
        "Normalized over valid transitions alone; their number is that of the transitions.",
        check_advantages,
    ),
    Requirement(
        "6.4",
        "alarms",
        "Each fires where it must and stays silent where it should, on steps that used the head.",
    ),
    Requirement(
        "7.1",
        "reward",
        "Its parts have signs and bounds, sum to it, and potentials cancel over an episode; "
        "returns rank as scores do.",
        check_parts,
    ),
    Requirement(
        "7.2",
        "contribution and net gain",
        "Credit is at most the contribution and at most the share in the net gain over the twin; "
        "what is unmeasured earns none.",
    ),
    Requirement(
        "7.3",
        "rent",
        "It grows with the parameters and is never positive.",
    ),
    Requirement(
        "7.4",
        "shock",
        "An instant prune costs more than a ramp, one jump more than small steps.",
    ),
    Requirement(
        "7.5",
        "dependence is not value",
        "A seed the host merely depends on, and a fossil that made it worse, are never paid.",
    ),
    Requirement(
        "7.6",
        "hindsight",
        "At most 0.2 points, delivered once to the environment that earned it, discounted by its "
        "delay, none pending at the end.",
        check_hindsight,
    ),
    Requirement(
        "7.7",
        "no thrashing",
        "Planting seeds and pruning them again never pays.",
        check_cycles,
    ),
    Requirement(
        "7.8",
        "counters",
        "They match what was executed and begin anew with the episode; its return is the sum of "
        "its rewards.",
        check_counters,
    ),
    Requirement(
        "8.1",
        "whole lives",
        "A seed goes through its stages in order, with masks, rows, advantages and rewards right "
        "at each, and every event is told once.",
        check_lives,
    ),
    Requirement(
        "8.2",
        "nothing left behind",
        "Optimizers hold the living seeds, each parameter once; when seeds have come and gone, "
        "everything is as it was.",
        check_ledgers,
    ),
    Requirement(
        "8.3",
        "stopping",
        "SIGINT and SIGTERM stop after the epoch; a partial rollout is saved and finished later.",
    ),
    Requirement(
        "8.4",
        "commands",
        "Decisions of all controllers become commands the same way; every lifecycle event fires "
        "once.",
    ),
    Requirement(
        "8.5",
        "defaults",
        "Every default has one owner and is printed; every flag reaches the code.",
    ),
    Requirement(
        "8.6",
        "divergence",
        "The host goes back to a healthy snapshot, other environments do not notice, and crashing "
        "never pays.",
    ),
)
