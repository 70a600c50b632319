"""Scattered digits: one seed one set, ink inside the picture, and no neighbor as good."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.data.formats.arrays import digits
from vitreous.data.formats.open import open as open_data
from vitreous.data.formats.scattered import CONTRAST, SCALE, SIDE, scatter, scattered


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return scattered().pixels


def test_each_digit_is_drawn_once_with_its_label(pictures: np.ndarray) -> None:
    found = open_data("scattered")
    assert (found.name, found.pixels.shape) == ("scattered", (1797, SIDE, SIDE, 1))
    assert found.targets["class"].array.tolist() == digits().targets["class"].array.tolist()
    assert found.pixels.tobytes() == pictures.tobytes()
    assert scattered(seed=1).pixels.tobytes() != pictures.tobytes()
    assert len(np.unique(pictures.reshape(1797, -1), axis=0)) == 1797


def test_ink_is_whole_and_anywhere() -> None:
    """A square of ink beside bare paper from the same seed: all of it is in the picture, as large
    as its scale says; over many drawings its middle is in each quarter of the picture.
    """
    glyph, middles = np.zeros((8, 8), np.uint8), []
    glyph[1:7, 1:7] = 255
    for number in range(200):
        with_ink, bare = (
            scatter(np.random.default_rng(number), drawn).astype(float) / 255
            for drawn in (glyph, np.zeros_like(glyph))
        )
        ink = np.abs(with_ink - bare) / CONTRAST[1]
        area = (ink > 0.25).sum() / 36  # of a pixel of the digit
        assert 0.8 * SCALE[0] ** 2 < area < 1.3 * SCALE[1] ** 2
        middles.append(np.argwhere(ink > 0.25).mean(axis=0) > SIDE / 2)
    shares = np.bincount(np.dot(middles, [1, 2]), minlength=4) / 200
    assert shares.min() > 0.1


def test_a_neighbor_in_pixels_is_lost(pictures: np.ndarray) -> None:
    """Which makes it the demonstration: on the plain digits it is as good as a network."""
    labels = digits().targets["class"].array
    found = {}
    for name, pixels in (("digits", digits().pixels), ("scattered", pictures)):
        rows = pixels.reshape(len(pixels), -1).astype(np.float32)
        learned, asked = rows[:1400], rows[1400:]
        far = (learned**2).sum(1) - 2 * asked @ learned.T
        found[name] = (labels[:1400][far.argmin(1)] == labels[1400:]).mean()
    assert found["digits"] > 0.93
    assert found["scattered"] < 0.3
