"""Canvases: where the digit is, where clutter comes from, and what is drawn from the generator."""

from __future__ import annotations

import time

import pytest
import torch

from tamiyo.contracts import ConfigError
from tamiyo.tasks import CanvasConfig, draw_canvases

COUNT = 40


def config(**changes):
    numbers = {"canvas_size": 16, "clutter_patches": 3, "patch_size": 4, "canvases_per_digit": 1}
    return CanvasConfig(**{**numbers, **changes})


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def random_digits(count=COUNT):
    """Digits with no black pixel, so that a place on a canvas is recognized by its pixels."""
    return 0.1 + 0.9 * torch.rand(count, 1, 8, 8, generator=seeded(99))


def windows(canvas, side=8):
    """Every side x side window of one [S, S] canvas, shape [W, side, side]."""
    return canvas.unfold(0, side, 1).unfold(1, side, 1).reshape(-1, side, side)


def find_corner(canvas):
    """Top left corner of all that is not black."""
    rows, columns = canvas.nonzero(as_tuple=True)
    return int(rows.min()), int(columns.min())


def test_canvases_have_the_asked_size_and_the_digits_type():
    canvases = draw_canvases(random_digits(), config(canvas_size=20), seeded())
    assert canvases.shape == (COUNT, 1, 20, 20)
    assert canvases.dtype == torch.float32


def test_without_clutter_a_canvas_is_its_digit_moved_and_nothing_else():
    digits = random_digits()
    canvases = draw_canvases(digits, config(clutter_patches=0), seeded())
    for digit, canvas in zip(digits[:, 0], canvases[:, 0], strict=True):
        row, column = find_corner(canvas)
        assert torch.equal(canvas[row : row + 8, column : column + 8], digit)
        assert canvas.count_nonzero() == 64


def test_clutter_never_darkens_the_digit():
    digits = random_digits()
    canvases = draw_canvases(digits, config(), seeded())
    for digit, canvas in zip(digits[:, 0], canvases[:, 0], strict=True):
        assert (windows(canvas) >= digit).flatten(1).all(dim=1).any()


def test_a_digit_stands_where_it_would_without_clutter_and_clutter_only_adds():
    digits = random_digits()
    plain = draw_canvases(digits, config(clutter_patches=0), seeded())
    cluttered = draw_canvases(digits, config(), seeded())
    assert (cluttered >= plain).all()
    assert (cluttered > plain).flatten(1).any(dim=1).float().mean() > 0.9


def test_clutter_adds_at_most_its_patches_to_a_canvas():
    digits = random_digits()
    lit = draw_canvases(digits, config(), seeded()).flatten(1).count_nonzero(dim=1)
    assert lit.max() <= 64 + 3 * 16
    assert lit.max() > 64 + 2 * 16


def test_clutter_is_a_crop_of_another_digit():
    levels = torch.tensor([0.25, 0.75]).reshape(2, 1, 1, 1).expand(2, 1, 8, 8)
    plain = draw_canvases(levels, config(clutter_patches=0), seeded())
    cluttered = draw_canvases(levels, config(clutter_patches=8), seeded())
    outside_first = cluttered[0][plain[0] == 0]
    outside_second = cluttered[1][plain[1] == 0]
    assert set(outside_first.unique().tolist()) == {0.0, 0.75}
    assert set(outside_second.unique().tolist()) == {0.0, 0.25}


def test_a_patch_appears_pixel_by_pixel_as_in_its_source():
    black, bright = torch.zeros(1, 8, 8), random_digits(1)[0]
    digits = torch.stack([black, bright])
    canvas = draw_canvases(digits, config(clutter_patches=1), seeded())[0, 0]
    row, column = find_corner(canvas)
    patch = canvas[row : row + 4, column : column + 4]
    assert canvas.count_nonzero() == 16
    assert (windows(bright[0], side=4) == patch).flatten(1).all(dim=1).any()


def test_every_place_of_the_digit_is_equally_likely():
    digits = torch.ones(8100, 1, 8, 8)
    canvases = draw_canvases(digits, config(clutter_patches=0), seeded())[:, 0]
    row = canvases.amax(dim=2).argmax(dim=1)
    column = canvases.amax(dim=1).argmax(dim=1)
    counts = torch.bincount(row * 9 + column, minlength=81)
    assert counts.numel() == 81
    # 100 are expected in each of 81 cells; chi-squared with 80 degrees exceeds 140 once in 30,000
    assert ((counts - 100.0) ** 2 / 100.0).sum() < 140


def test_the_same_generator_state_gives_the_same_bytes():
    first = draw_canvases(random_digits(), config(), seeded(5))
    second = draw_canvases(random_digits(), config(), seeded(5))
    assert first.numpy().tobytes() == second.numpy().tobytes()


def test_another_generator_state_gives_other_canvases():
    first = draw_canvases(random_digits(), config(), seeded(5))
    assert not torch.equal(first, draw_canvases(random_digits(), config(), seeded(6)))


def test_the_generator_advances_by_the_documented_number_of_integers():
    drawn, counted = seeded(), seeded()
    draw_canvases(random_digits(), config(), drawn)
    torch.randint(2, (COUNT * (2 + 5 * 3),), generator=counted)
    assert torch.equal(drawn.get_state(), counted.get_state())


def test_the_global_generator_and_the_digits_stay_as_they_were():
    digits, before = random_digits(), torch.random.get_rng_state()
    kept = digits.clone()
    draw_canvases(digits, config(), seeded())
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(digits, kept)


def test_an_epoch_of_canvases_takes_less_than_30_milliseconds():
    digits = random_digits(897)
    seconds = []
    for seed in range(5):
        start = time.perf_counter()
        draw_canvases(digits, config(), seeded(seed))
        seconds.append(time.perf_counter() - start)
    assert min(seconds) < 0.030


@pytest.mark.parametrize(("name", "value"), [("clutter_patches", -1), ("canvases_per_digit", 0)])
def test_a_number_below_its_smallest_is_refused(name, value):
    with pytest.raises(ConfigError, match=rf"{name} must be at least \d, got {value}"):
        config(**{name: value})


@pytest.mark.parametrize("patch_size", [0, 17])
def test_a_patch_larger_than_the_canvas_or_empty_is_refused(patch_size):
    with pytest.raises(ConfigError, match=rf"in \[1, canvas_size = 16\], got {patch_size}"):
        config(patch_size=patch_size)


def test_a_canvas_smaller_than_a_digit_is_refused():
    with pytest.raises(ConfigError, match=r"canvas_size must be at least the digits' 8 .* got 7"):
        draw_canvases(random_digits(), config(canvas_size=7), seeded())


def test_a_patch_larger_than_a_digit_is_refused():
    with pytest.raises(ConfigError, match=r"patch_size must be at most the digits' 8 .* got 9"):
        draw_canvases(random_digits(), config(patch_size=9), seeded())


def test_oblong_digits_are_refused():
    with pytest.raises(ConfigError, match="digits must be square, got 8x6"):
        draw_canvases(torch.zeros(3, 1, 8, 6), config(), seeded())


def test_a_lonely_digit_cannot_be_cluttered():
    with pytest.raises(ConfigError, match=r"digits must be at least 2 .* got 1"):
        draw_canvases(random_digits(1), config(), seeded())


def test_a_canvas_may_be_as_small_as_the_digit():
    digits = random_digits()
    canvases = draw_canvases(digits, config(canvas_size=8, clutter_patches=0), seeded())
    assert torch.equal(canvases, digits)
