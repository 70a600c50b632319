from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vitreous.data.unfold import refold, unfold
from vitreous.errors import ShapeError

sides = st.integers(1, 5)


def test_columns_come_first():
    gray = np.array([[1, 2, 3], [4, 5, 6]])[..., None]
    assert unfold(gray).tolist() == [1, 4, 2, 5, 3, 6]
    color = np.stack([gray[..., 0], 10 * gray[..., 0]], axis=-1)
    assert unfold(color).tolist() == [1, 4, 2, 5, 3, 6, 10, 40, 20, 50, 30, 60]


@given(st.lists(sides, max_size=2), sides, sides, sides)
def test_refolding_gives_the_image_back(before, height, width, channels):
    shape = (*before, height, width, channels)
    images = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    vectors = unfold(images)
    assert vectors.shape == (*before, height * width * channels)
    np.testing.assert_array_equal(refold(vectors, height, width, channels), images)
    if not before:  # NumPy's own Fortran order is the independent source
        np.testing.assert_array_equal(vectors, images.ravel(order="F"))


def test_a_linear_score_is_the_sum_over_pixels():
    rng = np.random.default_rng(0)
    images, weights = rng.random((4, 5, 3, 2)), rng.random((7, 5, 3, 2))
    scores = unfold(images) @ unfold(weights).T
    np.testing.assert_allclose(scores, np.einsum("nhwc,lhwc->nl", images, weights))


def test_wrong_shapes():
    with pytest.raises(ShapeError, match=r"shape \(2, 3\) is no image"):
        unfold(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match="2 × 3 × 1"):
        refold(np.zeros((4, 7)), 2, 3)
