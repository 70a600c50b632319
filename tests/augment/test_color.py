from __future__ import annotations

import colorsys

import numpy as np
import pytest
import torch
from scipy import stats

from vitreous.augment import color


def rows(channels=3, count=6, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 9, 7, channels), np.uint8)


def as_images(rows):
    return torch.from_numpy(rows).permute(0, 3, 1, 2).double() / 255


def recolored(rows, maps):
    rows = rows.copy()
    color.recolor_rows(rows, maps)
    return rows


def noisy(rows, deviations, places):
    rows = rows.copy()
    color.noise_rows(rows, deviations, places)
    return rows


def everything(count, channels, reach=0.5, seed=1):
    random = np.random.default_rng(seed)

    def factor():
        return 1 + random.uniform(-reach, reach, count)

    steps = [color.brightness(factor(), channels), color.contrast(factor(), channels)]
    if channels == 3:
        steps += [color.saturation(factor()), color.hue(random.uniform(-60, 60, count))]
    return color.compose(*steps)


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
def test_both_executors_agree(channels):
    """OpenCV maps RGB bytes with rounded factors, which with the rounding of the result is less
    than one gray level; other numbers of channels exactly."""
    given, maps = rows(channels), everything(6, channels)
    by_opencv = as_images(recolored(given, maps))
    by_torch = color.recolor_images(as_images(given), maps)
    levels = 0.9 if channels == 3 else 0.51
    torch.testing.assert_close(by_opencv, by_torch, rtol=0, atol=levels / 255)


def test_each_map_is_its_formula():
    given = rows().astype(np.float64)[:4] / 255
    factors = np.array([0.0, 0.5, 1.0, 1.5])
    each = factors[:, None, None, None]
    luma = given @ [0.299, 0.587, 0.114]
    for maps, expected in (
        (color.brightness(factors, 3), given * each),
        (color.contrast(factors, 3), (given - 0.5) * each + 0.5),
        (color.saturation(factors), luma[..., None] + (given - luma[..., None]) * each),
    ):
        mapped = np.einsum("bij,bhwj->bhwi", maps[:, :3, :3], given) + maps[:, None, None, :3, 3]
        np.testing.assert_allclose(mapped, expected, atol=1e-12)


def test_hue_turns_about_the_gray_axis():
    (third,) = color.hue(np.array([120.0]))[:, :3, :3]
    np.testing.assert_allclose(third @ [1, 0, 0], [0, 1, 0], atol=1e-12)  # red to green
    (turn,) = color.hue(np.array([37.0]))[:, :3, :3]
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(turn @ [0.4, 0.4, 0.4], 0.4)
    hues = [colorsys.rgb_to_hsv(*vector)[0] for vector in ((0.6, 0.5, 0.5), (0.5, 0.6, 0.5))]
    np.testing.assert_allclose(hues[1] - hues[0], 1 / 3)


def test_strength_zero_is_exactly_the_identity():
    ones, zeros = np.ones(6), np.zeros(6)
    maps = color.compose(
        *(color.brightness(ones, 3), color.contrast(ones, 3)),
        *(color.saturation(ones), color.hue(zeros)),
    )
    np.testing.assert_array_equal(maps, np.broadcast_to(np.eye(4), (6, 4, 4)))
    np.testing.assert_array_equal(recolored(rows(), maps), rows())
    np.testing.assert_array_equal(noisy(rows(), zeros, zeros), rows())


def test_composed_maps_act_one_after_the_other():
    given, factors = as_images(rows()), np.full(6, 0.7)
    first, second = color.saturation(factors), color.contrast(factors, 3)
    torch.testing.assert_close(
        color.recolor_images(given, color.compose(second, first)),
        color.recolor_images(color.recolor_images(given, first), second),
    )


def test_values_stay_in_range():
    maps = color.contrast(np.full(6, 9.0), 3)
    images = color.recolor_images(as_images(rows()), maps)
    assert images.min() == 0
    assert images.max() == 1
    images = color.noise_images(as_images(rows()), np.full(6, 5.0), np.zeros(6))
    assert images.min() == 0
    assert images.max() == 1


def test_noise_is_normal_and_as_strong_as_asked():
    gray = np.full((2, 100, 100, 3), 128, np.uint8)
    noise = color.noise_images(as_images(gray), np.array([0.02, 0.1]), np.array([0.1, 0.6])) - (
        128 / 255
    )
    weak, strong = noise.flatten(1).numpy()
    assert stats.kstest(weak / 0.02, "norm").pvalue > 1e-4
    assert stats.kstest(strong / 0.1, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(weak, strong)[0, 1]) < 0.03
    assert abs(np.corrcoef(weak[1:], weak[:-1])[0, 1]) < 0.03


def test_noise_is_the_same_for_rows_and_images():
    deviations, places = np.array([0.0, 0.01, 0.05, 0.2, 0.3, 1.0]), np.linspace(0, 0.999999, 6)
    by_rows = as_images(noisy(rows(), deviations, places))
    by_torch = color.noise_images(as_images(rows()), deviations, places)
    torch.testing.assert_close(by_rows, by_torch, rtol=0, atol=0.51 / 255)
