"""What lies outside of its image is counted, whatever it is."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.data.boxes import Boxes
from vitreous.data.columns import ClassNumbers
from vitreous.data.dots import Dots
from vitreous.data.outside import outside
from vitreous.data.points import Points

SIZES = np.array([[10, 20], [20, 10], [10, 20]])  # height, width


def test_boxes_may_pass_an_edge_by_a_pixel() -> None:
    """Some programs count from 1, and a box is cut at the edge anyway."""
    boxes = [[(0, 0, 20, 10), (1, 1, 21, 11)], [(0, 0, 20, 10)], np.zeros((0, 4))]
    assert outside(Boxes.of(boxes), SIZES).tolist() == [0, 1, 0]
    left = [[(-1, 0, 5, 5), (-3, 0, 5, 5)], np.zeros((0, 4)), [(2, -9, 5, 5)]]
    assert outside(Boxes.of(left), SIZES).tolist() == [1, 0, 1]


def test_points_count_where_they_are_visible() -> None:
    places = [[[19, 9, 1], [30, 1, 0]], [[19, 9, 1], [9, 19, 1]], [[-0.4, 0, 1], [-0.6, 0, 1]]]
    assert outside(Points(np.array(places), ("a", "b")), SIZES).tolist() == [0, 1, 1]


def test_dots() -> None:
    dots = Dots(np.array([[19.4, 9.4], [19.6, 0], [0, 12.0]]), np.array([2, 1, 0]))
    assert outside(dots, SIZES).tolist() == [1, 0, 0]


@pytest.mark.parametrize("count", [0, 3])
def test_what_has_no_place(count: int) -> None:
    assert outside(ClassNumbers(np.zeros(count, np.int64), ("a",)), SIZES[:count]) is None
