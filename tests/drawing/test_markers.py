"""Markers: a box is outlined by a line of a known width, with white around it."""

from __future__ import annotations

import numpy as np
import pytest

from vitreous.drawing.markers import outlines


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
