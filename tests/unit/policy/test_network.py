from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tamiyo.contracts import ActionSpec, ConfigError, Head, LifecycleOp
from tamiyo.policy import ActorCritic, NetworkConfig
from tests.support.networks import (
    SMALL,
    draw_masks,
    draw_normal,
    flat_network,
    growth_network,
    growth_spec,
    play,
    slot_observation,
)

STEPS, ROWS = 12, 6
CONFIGS = {
    "recurrent": SMALL,
    "two layers": NetworkConfig(hidden=16, slot_hidden=8, layers=2),
    "feed-forward": NetworkConfig(hidden=16, slot_hidden=8, recurrent=False),
}


def draw_starts(seed: int, chance: float) -> torch.Tensor:
    """Draw where episodes start; rows that begin inside an episode are among them."""
    return torch.rand(STEPS, ROWS, generator=torch.Generator().manual_seed(seed)) < chance


def evaluate(network, rollout):
    return network.evaluate(
        rollout.observations,
        network.trace(rollout.masks, rollout.actions),
        rollout.episode_starts,
        rollout.state,
    )


def play_growth(network, seed=0, *, chance=0.2, state=None, deterministic=False):
    return play(
        network,
        draw_masks(growth_spec(), STEPS, ROWS, seed=seed),
        draw_starts(seed, chance),
        network.initial_state(ROWS) if state is None else state,
        seed=seed,
        deterministic=deterministic,
    )


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("chance", [0.0, 0.2, 1.0])
@pytest.mark.requirement("5.4")
def test_evaluating_a_fresh_rollout_gives_ratio_1_and_the_same_values(config, chance):
    network = growth_network(config=config)
    first = play_growth(network, seed=1, chance=chance)
    # The second rollout goes on inside the episodes that the first one cut.
    for rollout in (first, play_growth(network, seed=2, chance=chance, state=first.next_state)):
        evaluation = evaluate(network, rollout)
        ratio = (evaluation.log_probs - rollout.log_probs).sum(-1).exp()
        assert (ratio - 1).abs().max() < 1e-5
        torch.testing.assert_close(evaluation.values, rollout.values, atol=1e-5, rtol=1e-5)


@pytest.mark.requirement("5.4")
def test_the_state_that_a_cut_rollout_carries_matters():
    network = growth_network()
    rollout = play_growth(network, seed=2, chance=0.0, state=draw_normal(2, 1, ROWS, 16))
    forgotten = rollout._replace(state=network.initial_state(ROWS))
    moved = evaluate(network, forgotten).log_probs - rollout.log_probs
    assert moved.abs().max() > 1e-3


@pytest.mark.requirement("3.4")
def test_a_head_without_a_choice_has_log_probability_and_entropy_0():
    network = growth_network()
    evaluation = evaluate(network, play_growth(network))
    assert (evaluation.log_probs[~evaluation.choices] == 0).all()
    assert (evaluation.entropies[~evaluation.choices] == 0).all()
    assert (evaluation.log_probs[evaluation.choices] < 0).all()
    assert (evaluation.entropies[evaluation.choices] > 0).all()


@pytest.mark.requirement("0.4", "3.3")
def test_the_value_is_that_of_the_state_whatever_is_done_in_it():
    network = growth_network()
    rollout = play_growth(network)
    greedy = play_growth(network, deterministic=True)
    assert (rollout.actions != greedy.actions).any()
    assert torch.equal(evaluate(network, rollout).values, evaluate(network, greedy).values)


def test_the_value_for_bootstrapping_is_the_one_that_acting_reports():
    network = growth_network()
    rollout = play_growth(network, state=draw_normal(2, 1, ROWS, 16), chance=0.0)
    assert torch.equal(network.value(rollout.observations[0], rollout.state), rollout.values[0])


def test_a_network_for_three_slots_controls_five():
    trained = growth_network(slots=3)
    network = growth_network(slots=5, seed=1)
    network.load_state_dict(trained.state_dict())
    masks = draw_masks(growth_spec(5), 1, 200)
    starts = torch.ones(1, 200, dtype=torch.bool)
    rollout = play(network, masks, starts, network.initial_state(200))
    assert set(rollout.actions[..., 1].unique().tolist()) == set(range(5))


def test_a_fresh_policy_is_close_to_uniform_over_what_is_legal():
    generator = torch.Generator().manual_seed(0)
    network = ActorCritic(slot_observation(), growth_spec(), SMALL, generator=generator)
    evaluation = evaluate(network, play_growth(network))
    assert evaluation.entropies[evaluation.choices].min() > 0.99


@pytest.mark.parametrize("sizes", [(2,), (3, 2, 4)])
def test_heads_without_slots_or_parents_work(sizes):
    spec = ActionSpec.independent(sizes)
    network = flat_network(spec)
    masks = torch.ones(STEPS, ROWS, spec.mask_size, dtype=torch.bool)
    rollout = play(network, masks, draw_starts(0, 0.2), network.initial_state(ROWS))
    evaluation = evaluate(network, rollout)
    assert evaluation.choices.all()
    torch.testing.assert_close(evaluation.log_probs, rollout.log_probs)


def test_slots_may_be_observed_without_being_chosen():
    observation = replace(slot_observation(), slot_head=None)
    generator = torch.Generator().manual_seed(0)
    spec = ActionSpec.independent((2, 2))
    network = ActorCritic(observation, spec, SMALL, generator=generator)
    masks = torch.ones(STEPS, ROWS, spec.mask_size, dtype=torch.bool)
    rollout = play(network, masks, draw_starts(0, 0.2), network.initial_state(ROWS))
    torch.testing.assert_close(evaluate(network, rollout).log_probs, rollout.log_probs)


def test_weights_and_draws_come_from_the_generators_alone():
    before = torch.get_rng_state()
    networks = [growth_network(seed=3) for _ in range(2)]
    rollouts = [play_growth(network, seed=4) for network in networks]
    assert torch.equal(rollouts[0].actions, rollouts[1].actions)
    assert torch.equal(rollouts[0].log_probs, rollouts[1].log_probs)
    assert torch.equal(before, torch.get_rng_state())


def test_a_deterministic_policy_draws_nothing():
    network = growth_network()
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    network.act(
        torch.zeros(2, network.encoder.size),
        draw_masks(growth_spec(), 2),
        network.initial_state(2),
        deterministic=True,
        generator=generator,
    )
    assert torch.equal(before, generator.get_state())


def test_results_have_the_type_of_the_weights():
    network = growth_network().double()
    rollout = play_growth(network)
    evaluation = evaluate(network, rollout)
    results = (*rollout, *evaluation[:4])
    assert {result.dtype for result in results} == {torch.float64, torch.int64, torch.bool}


def ask(network, rollout, masks=None):
    """Ask for the conditional entropies of a rollout."""
    features = evaluate(network, rollout).features
    return network.conditional_entropies(features, rollout.masks if masks is None else masks)


def test_conditional_entropies_are_those_of_the_greedy_action_with_that_op():
    network = growth_network()
    greedy = play_growth(network, deterministic=True)
    evaluation, conditional = evaluate(network, greedy), ask(network, greedy)
    op = greedy.actions[..., :1, None].expand(-1, -1, 1, greedy.actions.shape[-1])
    asked = conditional.entropies.gather(2, op).squeeze(2)
    torch.testing.assert_close(asked[..., 1:], evaluation.entropies[..., 1:])
    choices = conditional.choices.gather(2, op).squeeze(2)
    assert torch.equal(choices[..., 1:], evaluation.choices[..., 1:])
    assert not choices[..., 0].any()


def test_conditional_entropies_are_asked_for_heads_that_a_legal_op_uses():
    network, spec = growth_network(), growth_spec()
    rollout = play_growth(network)
    choices = ask(network, rollout).choices
    legal = rollout.masks[..., spec.mask_slices[0]]
    assert not choices[~legal].any()
    for op, used in enumerate(spec.used_when):
        heard = {spec.names[h] for h in choices[:, :, op].flatten(0, 1).any(0).nonzero()}
        assert heard == used - {Head.OP}


def test_a_loss_of_conditional_entropies_moves_the_heads_after_the_op_and_nothing_else():
    network = growth_network()
    ask(network, play_growth(network)).entropies.sum().backward()
    moved = {
        name.split(".")[0] if not name.startswith("heads") else name.split(".")[1]
        for name, parameter in network.named_parameters()
        if parameter.grad is not None and parameter.grad.any()
    }
    assert moved == {"slot", "context", "parameter_heads"}


@pytest.mark.requirement("3.4")
def test_what_if_masks_ask_about_an_op_that_was_forbidden():
    network = growth_network()
    what_if = draw_masks(growth_spec(), STEPS, ROWS, density=1.0)
    forbidden = what_if.clone()
    forbidden[..., LifecycleOp.GERMINATE] = False
    rollout = play(network, forbidden, draw_starts(0, 0.2), network.initial_state(ROWS))
    germinate = (..., LifecycleOp.GERMINATE, slice(None))
    assert not ask(network, rollout).choices[germinate].any()
    assert ask(network, rollout, what_if).choices[germinate].any(-1).all()


def test_there_is_nothing_to_ask_where_only_waiting_is_legal():
    network, spec = growth_network(), growth_spec()
    masks = draw_masks(spec, STEPS, ROWS, density=1.0)
    masks[..., spec.mask_slices[0]] = torch.arange(spec.nvec[0]) == LifecycleOp.WAIT
    rollout = play(network, masks, draw_starts(0, 0.2), network.initial_state(ROWS))
    assert not ask(network, rollout).choices.any()


@pytest.mark.parametrize("setting", ["hidden", "slot_hidden", "layers"])
def test_an_empty_layer_is_refused(setting):
    with pytest.raises(ConfigError, match=f"{setting} must be at least 1, got 0"):
        NetworkConfig(**{setting: 0})


@pytest.mark.parametrize(("setting", "most"), [("hidden", 4096), ("layers", 16)])
def test_a_network_of_no_use_is_refused(setting, most):
    with pytest.raises(ConfigError, match=f"{setting} must be at most {most}, got 1000000000"):
        NetworkConfig(**{setting: 10**9})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"slot_head": Head.STYLE}, "slot_head must be the second head, got style"),
        ({"slots": 2}, "slot must have one choice per slot, got 3 choices for 2 slots"),
    ],
)
def test_a_slot_head_that_does_not_fit_is_refused(change, message):
    observation = replace(slot_observation(), **change)
    with pytest.raises(ConfigError, match=message):
        ActorCritic(observation, growth_spec(), SMALL, generator=torch.Generator())


@pytest.mark.gpu
def test_a_network_on_an_accelerator_acts_and_evaluates_as_on_the_cpu():
    network = growth_network()
    rollout = play_growth(network)
    expected = evaluate(network, rollout)
    network.to("cuda")
    moved = rollout._make(part.to("cuda") for part in rollout)
    evaluation = evaluate(network, moved)
    torch.testing.assert_close(evaluation.log_probs.cpu(), expected.log_probs, atol=1e-4, rtol=0)
    result = network.act(
        moved.observations[0],
        moved.masks[0],
        moved.state,
        deterministic=False,
        generator=torch.Generator("cuda"),
    )
    assert result.actions.is_cuda
    assert network.conditional_entropies(evaluation.features, moved.masks).choices.any()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")  # the compiler's own
def test_a_compiled_network_gives_the_same_results():
    network = growth_network()
    rollout = play_growth(network)
    expected = evaluate(network, rollout)
    network.act = torch.compile(network.act, backend="aot_eager")
    network.evaluate = torch.compile(network.evaluate, backend="aot_eager")
    compiled = play_growth(network)
    assert torch.equal(compiled.actions, rollout.actions)
    torch.testing.assert_close(compiled.log_probs, rollout.log_probs)
    torch.testing.assert_close(evaluate(network, rollout).log_probs, expected.log_probs)
