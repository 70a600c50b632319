from __future__ import annotations

import numpy as np
import pytest

from vitreous.errors import DataError, ShapeError
from vitreous.metrics.rand import foreground_rand, regions

SPLIT = np.array([[1, 1, 0, 1, 1]] * 4)


def by_pairs(answer, truth):
    """Over all pairs of pixels of the truth's cells, a pixel with itself among them."""
    cells = truth == 1
    ours, theirs = regions(answer == 1)[cells], regions(cells)[cells]
    one = ours[:, None] == ours
    other = theirs[:, None] == theirs
    return (one & other).sum() / (one.sum() / 2 + other.sum() / 2)


def test_pair_by_pair():
    random = np.random.default_rng(0)
    for _ in range(20):
        truth = (random.random((12, 14)) < 0.7).astype(int)
        answer = np.where(random.random(truth.shape) < 0.1, 1 - truth, truth)
        assert foreground_rand(answer, truth) == pytest.approx(by_pairs(answer, truth))
    assert foreground_rand(truth, truth) == 1


def test_a_broken_membrane_joins_two_cells():
    broken = SPLIT.copy()
    broken[0, 2] = 1
    assert (broken == SPLIT).mean() == 0.95
    # 16 pixels of cells: in one region of the answer, in two of 8 of the truth.
    assert foreground_rand(broken, SPLIT) == pytest.approx((64 + 64) / (256 / 2 + 128 / 2))
    nothing = np.zeros_like(SPLIT)
    assert foreground_rand(nothing, SPLIT) == pytest.approx(128 / (256 / 2 + 128 / 2))


def test_other_classes_and_what_cannot_be_compared():
    assert foreground_rand(SPLIT + 1, SPLIT + 1, foreground=2) == 1
    with pytest.raises(ShapeError, match="masks"):
        foreground_rand(SPLIT, SPLIT[1:])
    with pytest.raises(DataError, match="no pixel of class 7"):
        foreground_rand(SPLIT, SPLIT, foreground=7)
