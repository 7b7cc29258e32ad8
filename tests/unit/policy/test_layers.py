from __future__ import annotations

import pytest
import torch

from tamiyo.policy.layers import (
    HIDDEN_GAIN,
    POLICY_GAIN,
    build_embedding,
    build_linear,
    build_lstm,
    build_mlp,
)


def fresh(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("gain", [HIDDEN_GAIN, POLICY_GAIN])
def test_a_linear_layer_is_orthogonal_with_its_gain_and_no_bias(gain):
    layer = build_linear(8, 5, gain=gain, generator=fresh())
    torch.testing.assert_close(layer.weight @ layer.weight.T, gain**2 * torch.eye(5))
    assert (layer.bias == 0).all()


def test_a_table_has_orthogonal_rows():
    table = build_embedding(4, 6, gain=2.0, generator=fresh()).weight
    torch.testing.assert_close(table @ table.T, 4 * torch.eye(4))


def test_the_gain_of_two_layers_is_that_of_the_second():
    mlp = build_mlp(4, 6, 3, gain=POLICY_GAIN, generator=fresh())
    assert mlp[0].weight.norm(dim=0).mean().item() == pytest.approx(HIDDEN_GAIN)
    assert mlp[2].weight.norm(dim=1).mean().item() == pytest.approx(POLICY_GAIN)


@pytest.mark.parametrize("layers", [1, 2])
def test_forget_gates_start_open_and_every_other_bias_at_0(layers):
    lstm = build_lstm(6, layers, generator=fresh())
    for layer in range(layers):
        bias = getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")
        assert bias.tolist() == [0.0] * 6 + [1.0] * 6 + [0.0] * 12


def test_forget_gates_can_start_with_spans_from_2_to_the_longest():
    lstm = build_lstm(200, 1, longest_span=128, generator=fresh())
    gates = (lstm.bias_ih_l0 + lstm.bias_hh_l0).unflatten(0, (4, 200))
    spans = 1 / (1 - gates[1].sigmoid())  # after as many steps 1/e is left
    assert 2 <= spans.min() < 10
    assert 118 < spans.max() <= 128.1
    assert (gates[[0, 2, 3]] == 0).all()


def test_the_weights_of_an_lstm_are_orthogonal():
    lstm = build_lstm(6, 1, generator=fresh())
    torch.testing.assert_close(lstm.weight_ih_l0.T @ lstm.weight_ih_l0, torch.eye(6))
    torch.testing.assert_close(lstm.weight_hh_l0.T @ lstm.weight_hh_l0, torch.eye(6))


def test_weights_come_from_the_generator_alone():
    before = torch.get_rng_state()
    first, second = (build_lstm(4, 1, generator=fresh(7)).weight_ih_l0 for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(before, torch.get_rng_state())
