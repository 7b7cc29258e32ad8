from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tamiyo.contracts import ShapeError
from tamiyo.learning.gae import compute_gae

FLAGS = ("terminated", "truncated", "bootstrap_values", "valid")


def run(rewards, values, *, gamma=1.0, gae_lambda=1.0, **flags):
    rewards = torch.as_tensor(rewards)
    defaults = {name: torch.zeros_like(rewards, dtype=torch.bool) for name in FLAGS}
    defaults |= {"bootstrap_values": torch.zeros_like(rewards), "valid": rewards == rewards}
    defaults |= {name: torch.as_tensor(flag) for name, flag in flags.items()}
    values = torch.as_tensor(values)
    return compute_gae(rewards, values, gamma=gamma, gae_lambda=gae_lambda, **defaults)


def column(*numbers):
    return torch.tensor(numbers)[:, None]


@pytest.mark.parametrize(
    ("terminated", "truncated", "last"),
    [(False, False, 40.0), (False, True, 7.0), (True, False, 0.0), (True, True, 0.0)],
)
@pytest.mark.requirement("0.1", "5.2")
def test_return_of_each_pair_of_flags_is_its_closed_form(terminated, truncated, last):
    advantages, returns = run(
        column(1.0, 2.0),
        column(10.0, 20.0, 40.0),
        terminated=column(False, terminated),
        truncated=column(False, truncated),
        bootstrap_values=column(0.0, 7.0),
        gamma=0.5,
    )
    assert returns[:, 0].tolist() == [1 + 0.5 * 2 + 0.25 * last, 2 + 0.5 * last]
    assert torch.equal(advantages, returns - column(10.0, 20.0))


@pytest.mark.parametrize(
    ("terminated", "truncated", "next_value"),
    [(False, False, 20.0), (False, True, 7.0), (True, False, 0.0), (True, True, 0.0)],
)
@pytest.mark.requirement("5.2")
def test_an_end_inside_the_rollout_lets_nothing_of_the_next_episode_through(
    terminated, truncated, next_value
):
    _, returns = run(
        column(1.0, 2.0),
        column(10.0, 20.0, 40.0),
        terminated=column(terminated, False),
        truncated=column(truncated, False),
        bootstrap_values=column(7.0, 0.0),
        gae_lambda=0.0,
    )
    assert returns[:, 0].tolist() == [1 + next_value, 42.0]


@pytest.mark.requirement("5.3")
def test_cut_values_belong_to_their_environments():
    _, returns = run(
        torch.ones(1, 3),
        torch.tensor([[0.0, 0.0, 0.0], [10.0, 20.0, 30.0]]),
        terminated=torch.tensor([[False, True, False]]),
    )
    assert returns.tolist() == [[11.0, 1.0, 31.0]]


@pytest.mark.requirement("5.2", "6.3")
def test_filler_rows_take_no_part():
    nan = float("nan")
    advantages, returns = run(
        column(1.0, nan, 2.0, nan),
        column(10.0, nan, 20.0, nan, 40.0),
        terminated=column(True, True, False, True),
        valid=column(True, False, True, False),
    )
    assert returns[:, 0].tolist() == [1.0, 0.0, 42.0, 0.0]
    assert advantages[:, 0].tolist() == [-9.0, 0.0, 22.0, 0.0]


def compute_slowly(rows, cut_value, gamma, gae_lambda):
    """Advantages of one environment's valid rows, episode by episode, from the definition."""
    advantages, start = [], 0
    while start < len(rows):
        ends = [k for k in range(start, len(rows)) if rows[k]["terminated"] or rows[k]["truncated"]]
        stop = ends[0] if ends else len(rows) - 1
        deltas = []
        for k in range(start, stop + 1):
            row = rows[k]
            if k < stop:
                follows = rows[k + 1]["value"]
            elif row["terminated"]:
                follows = 0.0
            else:
                follows = row["bootstrap"] if row["truncated"] else cut_value
            deltas.append(row["reward"] + gamma * follows - row["value"])
        advantages += [
            sum((gamma * gae_lambda) ** (k - t) * deltas[k] for k in range(t, len(deltas)))
            for t in range(len(deltas))
        ]
        start = stop + 1
    return advantages


@given(
    seed=st.integers(0, 2**32 - 1),
    steps=st.integers(1, 12),
    gamma=st.sampled_from([0.0, 0.9, 1.0]),
    gae_lambda=st.sampled_from([0.0, 0.95, 1.0]),
)
@pytest.mark.requirement("5.2")
def test_advantages_equal_those_of_a_slow_reference(seed, steps, gamma, gae_lambda):
    generator = torch.Generator().manual_seed(seed)
    shape = (steps, 4)

    def draw(*size):
        return torch.randn(*size, generator=generator, dtype=torch.float64)

    rewards, values, bootstrap = draw(*shape), draw(steps + 1, 4), draw(*shape)
    terminated, truncated = draw(*shape) > 1, draw(*shape) > 1
    valid = draw(*shape) > -1
    flags = {"terminated": terminated, "truncated": truncated, "bootstrap_values": bootstrap}
    advantages, returns = run(
        rewards, values, valid=valid, gamma=gamma, gae_lambda=gae_lambda, **flags
    )
    for n in range(4):
        kept = valid[:, n].nonzero().flatten().tolist()
        rows = [
            {
                "reward": rewards[t, n].item(),
                "value": values[t, n].item(),
                "terminated": terminated[t, n].item(),
                "truncated": truncated[t, n].item(),
                "bootstrap": bootstrap[t, n].item(),
            }
            for t in kept
        ]
        expected = compute_slowly(rows, values[-1, n].item(), gamma, gae_lambda)
        expected = torch.tensor(expected, dtype=torch.float64)
        assert torch.allclose(advantages[kept, n], expected)
        assert torch.allclose(returns[kept, n], expected + values[:-1][kept, n])


@pytest.mark.requirement("5.2")
def test_other_environments_change_nothing():
    generator = torch.Generator().manual_seed(0)
    rewards, values = (torch.randn(size, 3, generator=generator) for size in (5, 6))
    together, _ = run(rewards, values, gamma=0.9, gae_lambda=0.9)
    for n in range(3):
        alone, _ = run(rewards[:, [n]], values[:, [n]], gamma=0.9, gae_lambda=0.9)
        assert torch.equal(alone[:, 0], together[:, n])


@pytest.mark.parametrize("name", FLAGS)
def test_shapes_that_do_not_fit_are_refused(name):
    wrong = torch.zeros(1, 2, dtype=torch.float32 if name == "bootstrap_values" else torch.bool)
    with pytest.raises(ShapeError, match=r"\[2, 2\].*\[1, 2\]"):
        run(torch.zeros(2, 2), torch.zeros(3, 2), **{name: wrong})


def test_values_without_a_last_row_are_refused():
    with pytest.raises(ShapeError, match=r"values must be \[T \+ 1, N\].*got \[2, 2\]"):
        run(torch.zeros(2, 2), torch.zeros(2, 2))
