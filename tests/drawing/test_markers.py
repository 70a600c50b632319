"""Markers: a box is outlined by a line of a known width, with white around it."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.drawing.markers import color_of, outlines


@pytest.mark.parametrize(("side", "half"), [(64, 0), (480, 2)])
def test_an_outline_hides_little_of_what_it_is_around(side: int, half: int) -> None:
    edge = side // 4
    image = np.zeros((side, side, 3), np.uint8)
    drawn = outlines(image, np.array([[edge, edge, 3 * edge, 3 * edge]]), [0])
    row = drawn[side // 2, : side // 2]
    line = [edge + out for out in range(-half, half + 1)]
    assert np.flatnonzero(row.any(axis=1)).tolist() == [line[0] - 1, *line, line[-1] + 1]
    assert (row[[line[0] - 1, line[-1] + 1]] == 255).all()
    assert len({*map(tuple, row[line].tolist())}) == 1


def test_a_name_stands_at_the_top_of_its_box_where_there_is_room() -> None:
    image = np.zeros((240, 240, 3), np.uint8)
    boxes = np.array([[40, 60, 200, 200]])
    plain, named = outlines(image, boxes, [2]), outlines(image, boxes, [2], ["cat"])
    changed = np.argwhere((plain != named).any(axis=2))
    assert len(changed)
    assert changed.min(axis=0).tolist() >= [59, 39]
    assert changed.max(axis=0)[0] < 80
    assert (named[100, 40] == color_of(2)).all()
    little = image[:60, :60]
    assert (outlines(little, boxes / 4, [2], ["cat"]) == outlines(little, boxes / 4, [2])).all()


def test_a_box_at_the_upper_left_keeps_its_name_within_the_image() -> None:
    image = np.zeros((240, 240, 3), np.uint8)
    named = outlines(image, np.array([[-30, -30, 90, 90]]), [0], ["cat"])
    assert named[:14, :14].any()
