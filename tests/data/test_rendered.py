"""Rendered scenes: depths by geometry, things where their dots say, one seed one set."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.data.dots import Dots
from vitreous.data.formats.open import named
from vitreous.data.formats.open import open as open_data
from vitreous.data.rendered import FAR, FOCAL, HEIGHT, _ball, crowds, scenes


def test_a_ball_is_met_where_geometry_says() -> None:
    rays = np.array([[0.0, 0, 1], [0.1, 0, 1], [0.5, 0, 1]])
    depth = _ball(rays, np.array([0.0, 0, 5]), 1.0)
    assert depth[0] == 4
    assert np.linalg.norm(depth[1] * rays[1] - [0, 0, 5]) == pytest.approx(1)
    assert depth[2] == np.inf


def test_the_ground_is_as_far_as_its_row_says() -> None:
    found = scenes(6, side=64)
    depth = found.targets["depth"].gather(np.arange(6))
    below = (63.5 / 64 - 0.5) / FOCAL  # the slope of the rays of the last row
    assert depth.max() <= FAR
    assert depth.min() > 0.5
    # In the last row the ground is seen, unless a ball is before it.
    assert np.isclose(depth[:, -1], HEIGHT / below, rtol=1e-5).mean() > 0.5
    assert (depth[:, -1] <= HEIGHT / below + 1e-5).all()


def test_a_set_is_a_function_of_its_seed() -> None:
    for make in (scenes, crowds):
        one, same, other = make(3, side=32), make(3, side=32), make(3, side=32, seed=1)
        assert one.fingerprint == same.fingerprint
        np.testing.assert_array_equal(one.pixels, same.pixels)
        assert (one.pixels != other.pixels).any()
        assert len({each.tobytes() for each in one.pixels}) == 3


def test_things_stand_where_their_dots_are() -> None:
    found = crowds(20, side=96)
    dots = found.targets["dot"]
    assert isinstance(dots, Dots)
    assert dots.sizes.min() >= 5
    assert dots.sizes.max() <= 60
    # The last thing hides what is behind it, so its color fills its middle, without mottles.
    for pixels, places in zip(found.pixels, dots.gather(np.arange(20)), strict=True):
        x, y = np.rint(places[-1]).astype(int)
        middle = pixels[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].reshape(-1, 3)
        assert middle.astype(float).std(axis=0).max() < 25


def test_they_are_opened_by_name() -> None:
    assert {"scenes", "crowds"} <= named().keys()
    assert open_data("scenes").name == "scenes"
