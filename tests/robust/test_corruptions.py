"""Corruptions: the same for the same seed, worse with severity, alike at every size of image."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vitreous.errors import UsageError
from vitreous.robust.corrupt_blur import spread
from vitreous.robust.corruptions import CORRUPTIONS, SEVERITIES, corrupted

IDS = np.arange(6)


def scenes(side: int, channels: int = 3, width: int | None = None) -> NDArray[np.uint8]:
    """Six pictures with a disk each before a slope of gray: the same ones at any size."""
    made = []
    for number in range(6):
        gray = np.repeat(np.linspace(40, 160, 320).astype(np.uint8)[:, None], 320, axis=1)
        cv2.circle(gray, (100 + 20 * number, 170), 60, 230, -1)
        cv2.circle(gray, (200, 90 + 10 * number), 30, 10, -1)
        small = cv2.resize(gray, (width or side, side), interpolation=cv2.INTER_AREA)
        made.append(np.repeat(small[..., None], channels, axis=2))
    return np.stack(made)


def error(kind: str, severity: int, rows: NDArray[np.uint8]) -> float:
    """Root mean squared change."""
    worse = corrupted(rows, kind, severity, IDS[: len(rows)])
    return float(np.sqrt(np.mean((worse.astype(float) - rows) ** 2)))


@pytest.mark.parametrize("kind", CORRUPTIONS)
def test_it_is_a_function_of_seed_and_example(kind: str) -> None:
    rows = scenes(24)
    whole = corrupted(rows, kind, 3, IDS)
    alone = corrupted(rows[4:5], kind, 3, IDS[4:5])
    assert np.array_equal(whole[4:5], alone)
    assert whole.dtype == np.uint8
    assert whole.shape == rows.shape
    assert not np.array_equal(whole, rows)


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("side", [16, 64])
def test_it_is_seen_at_every_size_and_worse_with_severity(kind: str, side: int) -> None:
    rows = scenes(side)
    errors = [error(kind, severity, rows) for severity in SEVERITIES]
    assert errors[0] > 0.5, errors  # gray levels: more than rounding
    slack = 1.25 if kind == "pixelate" else 1.02  # squares may happen to meet the edges of things
    assert all(low < high * slack for low, high in pairwise(errors)), errors
    assert errors[-1] > 1.3 * errors[0]


@pytest.mark.parametrize("kind", [k for k, row in CORRUPTIONS.items() if row.group != "noise"])
def test_a_severity_means_about_the_same_at_16_and_at_320_pixels(kind: str) -> None:
    small, large = error(kind, 4, scenes(16)[:3]), error(kind, 4, scenes(320)[:3])
    assert 1 / 3 < small / large < 3, (small, large)


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_any_number_of_channels_and_any_aspect(kind: str, channels: int) -> None:
    rows = scenes(20, channels, width=33)
    assert corrupted(rows, kind, 2, IDS).shape == rows.shape


def test_noise_has_the_deviation_that_it_says() -> None:
    gray = np.full((6, 32, 32, 1), 128, np.uint8)
    for severity, deviation in zip(
        SEVERITIES, CORRUPTIONS["gaussian_noise"].strengths, strict=True
    ):
        assert error("gaussian_noise", severity, gray) / 255 == pytest.approx(deviation, rel=0.05)
    # Photons: the deviation grows with the root of the brightness, and is as said for white.
    strength = CORRUPTIONS["shot_noise"].strengths[0]
    found = error("shot_noise", 1, gray) / 255
    assert found == pytest.approx(strength * (128 / 255) ** 0.5, rel=0.05)
    black = np.zeros((6, 32, 32, 1), np.uint8)
    assert error("shot_noise", 5, black) == 0
    hit = corrupted(gray, "impulse_noise", 5, IDS) != gray
    assert hit.mean() == pytest.approx(0.09, rel=0.15)


def test_contrast_is_a_factor_on_the_distance_to_the_mean() -> None:
    rows = scenes(32)[:1]
    found = corrupted(rows, "contrast", 2, IDS[:1]).astype(float)
    wanted = (rows - rows.mean()) * 0.45 + rows.mean()
    np.testing.assert_allclose(found, wanted, atol=0.51)


def test_an_occlusion_covers_the_share_that_it_says() -> None:
    random = np.random.default_rng(0).integers(0, 256, (6, 100, 100, 3), dtype=np.uint8)
    for severity, share in zip(SEVERITIES, CORRUPTIONS["occlusion"].strengths, strict=True):
        hidden = (corrupted(random, "occlusion", severity, IDS) != random).any(3)
        np.testing.assert_allclose(hidden.mean((1, 2)), share, rtol=0.15)


def test_blur_keeps_the_mean_and_a_point_becomes_its_kernel() -> None:
    point = np.zeros((9, 9, 1), np.float32)
    point[4, 4] = 1
    blurred = spread(point, np.array([0.5, -0.5]), np.array([0.0, 0.0]))
    np.testing.assert_allclose(blurred[4, :, 0], [0, 0, 0, 0.25, 0.5, 0.25, 0, 0, 0], atol=1e-6)
    flat = np.full((1, 20, 20, 3), 77, np.uint8)
    for kind in ("defocus_blur", "motion_blur", "zoom_blur"):
        assert np.abs(corrupted(flat, kind, 5, IDS[:1]).astype(int) - 77).max() <= 1


def test_unknown_kinds_and_severities_are_refused() -> None:
    with pytest.raises(UsageError, match="unknown corruption") as raised:
        corrupted(scenes(16), "motion_blurr", 1, IDS)
    assert "motion_blur" in str(raised.value)
    with pytest.raises(UsageError, match="6 is out of range"):
        corrupted(scenes(16), "fog", 6, IDS)
