"""Boundary F1 against distances between all pairs of pixels, and in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from vitreous.errors import ShapeError
from vitreous.metrics.boundary import boundary_counts, boundary_f1, outline

IGNORE = 255
RANDOM = np.random.default_rng(0)


def blocks(seed: int, height: int = 24, width: int = 30, classes: int = 4) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, classes, (height // 6, width // 6))
    return np.repeat(np.repeat(small, 6, 0), 6, 1)


def slowly(answer: np.ndarray, truth: np.ndarray, number: int, reach: float) -> list[int]:
    """The four counts of a class, pixel by pixel and pair by pair."""

    def edge(mask: np.ndarray) -> np.ndarray:
        found = []
        for y, x in np.argwhere((mask == number) & (truth != IGNORE)):
            for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0)):
                v, u = y + dy, x + dx
                inside = 0 <= v < mask.shape[0] and 0 <= u < mask.shape[1]
                if inside and truth[v, u] != IGNORE and mask[v, u] != number:
                    found.append((y, x))
                    break
        return np.array(found).reshape(-1, 2)

    ours, theirs = edge(answer), edge(truth)
    if not len(ours) or not len(theirs):
        return [len(ours), 0, len(theirs), 0]
    near = cdist(ours, theirs) <= reach
    return [len(ours), near.any(1).sum(), len(theirs), near.any(0).sum()]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("tolerance", [0.0, 0.03, 0.06, 0.2])
def test_the_counts_are_those_of_all_pairs_of_pixels(seed: int, tolerance: float) -> None:
    truth, answer = blocks(seed), np.roll(blocks(seed), 2, axis=1)
    answer = np.where(np.random.default_rng(seed).random(answer.shape) < 0.05, 0, answer)
    truth[3:8, 5:11] = IGNORE
    found = boundary_counts(answer, truth, 4, ignore=IGNORE, tolerance=tolerance)
    reach = tolerance * np.hypot(24, 30)
    for number in range(4):
        assert found[:, number].tolist() == slowly(answer, truth, number, reach)


def test_a_line_that_is_moved_by_the_tolerance_is_right_and_farther_is_wrong() -> None:
    truth = np.zeros((90, 120), int)  # a diagonal of 150: 0.75 % are 1.125 pixels
    truth[:, 60:] = 1
    f1 = {}
    for moved in (0, 1, 2, 5):
        answer = np.zeros_like(truth)
        answer[:, 60 + moved :] = 1
        f1[moved] = boundary_f1(boundary_counts(answer, truth, 2)[None])[0]
    assert f1 == {0: 1.0, 1: 1.0, 2: 0.0, 5: 0.0}


def test_half_of_an_outline_is_missing() -> None:
    truth = np.zeros((90, 120), int)
    truth[:, 60:] = 1
    answer = truth.copy()
    answer[45:, 60:80] = 0  # in the lower half the line lies 20 pixels away, and 20 go across
    counts = boundary_counts(answer, truth, 2)
    assert counts[2:, 1].tolist() == [90, 45 + 1]  # of the true line, to a pixel beyond the corner
    precision, recall = counts[1, 1] / counts[0, 1], counts[3, 1] / counts[2, 1]
    expected = 2 * precision * recall / (precision + recall)
    both = boundary_f1(counts[None])[0]
    other = boundary_f1(counts[None, :, :1])[0]
    assert both == pytest.approx((expected + other) / 2)


def test_the_border_of_the_image_is_no_outline() -> None:
    assert not outline(np.ones((5, 6), int), 1, np.ones((5, 6), bool)).any()


def test_an_image_of_one_class_has_no_score_and_a_class_that_is_not_found_has_zero() -> None:
    one = np.zeros((20, 20), int)
    two = one.copy()
    two[:, 10:] = 1
    assert np.isnan(boundary_f1(boundary_counts(two, one, 2)[None])).all()
    assert boundary_f1(boundary_counts(one, two, 2)[None])[0] == 0
    images = np.stack([boundary_counts(two, one, 2), boundary_counts(two, two, 2)])
    np.testing.assert_array_equal(boundary_f1(images), [np.nan, 1])


def test_classes_that_an_image_does_not_show_enter_no_mean() -> None:
    truth = blocks(0, classes=2)
    wide = boundary_f1(boundary_counts(truth, truth, 7)[None])
    assert wide.tolist() == [1.0]


def test_masks_of_two_sizes_are_refused() -> None:
    with pytest.raises(ShapeError, match="one size"):
        boundary_counts(np.zeros((3, 4), int), np.zeros((4, 3), int), 2)
