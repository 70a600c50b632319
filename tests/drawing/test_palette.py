"""Colors of classes differ, and lie over images without hiding them."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.drawing.palette import overlay, palette


@pytest.mark.parametrize("count", [1, 2, 8, 9, 40])
def test_each_class_has_a_color_of_its_own(count: int) -> None:
    colors = palette(count)
    assert colors.shape == (count, 3)
    assert len({tuple(color) for color in colors.tolist()}) == count
    np.testing.assert_array_equal(palette(count + 5)[:count], colors)


@pytest.mark.parametrize("channels", [1, 3, 6])
def test_the_background_and_what_is_unknown_stay_clear(channels: int) -> None:
    image = np.full((2, 3, channels), 100, np.uint8)
    labels = np.array([[0, 1, 2], [255, 0, 1]])
    drawn = overlay(image, labels, 3)
    assert drawn.shape == (2, 3, 3)
    clear = np.isin(labels, (0, 255))
    assert (drawn[clear] == 100).all()
    assert not (drawn[~clear] == 100).all(axis=1).any()
    assert (drawn[0, 1] == drawn[1, 2]).all()
    assert (drawn[0, 1] != drawn[0, 2]).any()
