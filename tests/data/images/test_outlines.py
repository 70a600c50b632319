"""Polygons and run lengths as masks: closed forms, and pycocotools."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from pycocotools import mask as peer

from vitreous.data.images.polygon import filled
from vitreous.data.images.run_lengths import counts_of, decoded_counts, encoded_counts, mask_of
from vitreous.errors import DataError

SIDES = st.tuples(st.integers(1, 24), st.integers(1, 24))
MASKS = SIDES.flatmap(lambda size: arrays(np.bool_, size))


@given(MASKS)
@settings(deadline=None, derandomize=True)
def test_runs_are_those_of_pycocotools(mask: np.ndarray) -> None:
    counts = counts_of(mask)
    assert sum(counts) == mask.size
    np.testing.assert_array_equal(mask_of(counts, mask.shape), mask)
    theirs = peer.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert encoded_counts(counts) == theirs["counts"].decode()
    assert decoded_counts(encoded_counts(counts)) == counts


@given(st.lists(st.integers(0, 1 << 30), max_size=12))
@settings(deadline=None, derandomize=True)
def test_any_counts_come_back(counts: list[int]) -> None:
    assert decoded_counts(encoded_counts(counts)) == counts


@given(st.text(st.characters(min_codepoint=32, max_codepoint=127), max_size=30))
@settings(deadline=None, derandomize=True)
def test_any_other_text_is_an_error_and_nothing_else(text: str) -> None:
    try:
        counts = decoded_counts(text)
        mask_of(counts, (4, 5))
    except DataError:
        return
    assert sum(counts) == 20


def test_runs_that_are_none() -> None:
    with pytest.raises(DataError, match="runs of 7 pixels for 4 × 2"):
        mask_of([3, 4], (2, 4))
    with pytest.raises(DataError, match="runs of 8 pixels"):
        mask_of([9, -1], (2, 4))
    with pytest.raises(DataError, match="cut short"):
        decoded_counts("P")  # says that more follows
    with pytest.raises(DataError, match="has '\x1f'"):
        decoded_counts("\x1f")


def test_a_rectangle_is_its_pixels() -> None:
    mask = filled(np.array([[1, 2], [4, 2], [4, 5], [1, 5]]), (6, 7))
    expected = np.zeros((6, 7), bool)
    expected[2:5, 1:4] = True
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(
        filled(np.array([[4, 5], [4, 2], [1, 2], [1, 5]]), (6, 7)), expected
    )
    beyond = filled(np.array([[-5, -5], [20, -5], [20, 3], [-5, 3]]), (6, 7))
    assert beyond[:3].all()
    assert not beyond[3:].any()


def test_what_is_crossed_twice_is_outside() -> None:
    """Even and odd: the middle of a five-pointed star, drawn in one go, has been left again."""
    angles = np.arange(5) * 4 * np.pi / 5
    star = 20 + 18 * np.stack([np.sin(angles), -np.cos(angles)], 1)
    mask = filled(star, (40, 40))
    assert not mask[20, 20]
    assert mask[6, 20]


def test_a_circle_holds_the_centers_within_its_radius() -> None:
    angles = np.linspace(0, 2 * np.pi, 2000, endpoint=False)
    circle = 50 + 40.3 * np.stack([np.cos(angles), np.sin(angles)], 1)
    x, y = np.meshgrid(np.arange(100) - 49.5, np.arange(100) - 49.5)
    distance = np.hypot(x, y)
    clear = np.abs(distance - 40.3) > 1e-3  # from the outline, whose corners are not quite a circle
    assert clear.sum() > 9_900
    np.testing.assert_array_equal(filled(circle, (100, 100))[clear], (distance < 40.3)[clear])


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # theirs
@pytest.mark.parametrize("seed", range(40))
def test_polygons_are_those_of_pycocotools_up_to_their_border(seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width = random.integers(5, 80, 2).tolist()
    corners = random.uniform(-5, 85, (random.integers(3, 12), 2))
    ours = filled(corners, (height, width))
    (runs,) = peer.frPyObjects([corners.ravel().tolist()], height, width)
    theirs = peer.decode(runs).astype(bool)
    apart = np.argwhere(ours != theirs)[:, ::-1] + 0.5  # centers of pixels, x and y
    ends = np.roll(corners, -1, axis=0)
    along = np.einsum("nkd,kd->nk", apart[:, None] - corners, ends - corners)
    share = np.clip(along / ((ends - corners) ** 2).sum(1), 0, 1)
    nearest = corners + share[..., None] * (ends - corners)
    distance = np.linalg.norm(apart[:, None] - nearest, axis=2).min(1)  # to the outline, in pixels
    assert (distance <= 1).all()
    assert (ours != theirs).mean() < 0.02
