"""Seeds of generators are the same everywhere and differ by run, environment and purpose."""

from __future__ import annotations

import pytest

from tamiyo.contracts import SeedStream, derive_seed


@pytest.mark.parametrize(
    ("run_seed", "environment", "purpose", "expected"),
    [
        (0, 0, "data", 1620423220646905219),
        (0, 0, "host", 8984257274541681233),
        (7, 3, "seeds", 7134472753156084937),
        (-1, 0, "layers", 174589675292643019),
    ],
)
def test_known_seeds_never_change(run_seed, environment, purpose, expected):
    assert derive_seed(run_seed, environment, purpose) == expected


def test_run_environment_and_purpose_each_give_another_seed():
    seeds = {derive_seed(r, e, p) for r in range(20) for e in range(20) for p in ("data", "host")}
    assert len(seeds) == 800
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_digits_do_not_run_into_each_other():
    assert derive_seed(1, 11, "data") != derive_seed(11, 1, "data")


def test_a_stream_derives_its_own_seeds():
    one = SeedStream(run_seed=5, stream=2)
    assert one.derive("data") == derive_seed(5, 2, "data")
    assert one.derive("data") != SeedStream(run_seed=5).derive("data")
