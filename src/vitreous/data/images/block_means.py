"""Means over blocks of pixels: what a map of real numbers is averaged to before it shrinks."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Matrix: TypeAlias = NDArray[np.float64]  # (3, 3): homogeneous x and y of pixel centers

ROUNDING = 1e-6  # of a pixel: places this near to an edge between two pixels belong to the second


def block_means(array: NDArray[Any], matrix: Matrix) -> tuple[NDArray[Any], Matrix] | None:
    """Means of blocks of pixels, of those that are numbers, and the matrix that leads to them; None
    where a window does not shrink a map to half its size or below, or turns it.

    array   (h, w) or (h, w, K) of floats
    matrix  (3, 3) pixel centers of the window to pixel centers of the map
    """
    (a, b, c), (d, e, f), (g, h, i) = matrix.tolist()
    if b or d or g or h or min(a, e) / i <= 0:
        return None
    tall, wide = max(1, int(e / i + ROUNDING)), max(1, int(a / i + ROUNDING))
    if tall == wide == 1:
        return None
    height, width, *more = array.shape
    # Blocks begin where the pixels of the window do.
    above = -round((f - e / 2) / i + 0.5) % tall
    before = -round((c - a / 2) / i + 0.5) % wide
    after = [(above, -(height + above) % tall), (before, -(width + before) % wide)]
    blocks = np.pad(array, [*after, *[(0, 0)] * len(more)], constant_values=np.nan)
    blocks = blocks.reshape(blocks.shape[0] // tall, tall, blocks.shape[1] // wide, wide, *more)
    known = ~np.isnan(blocks)
    with np.errstate(invalid="ignore"):  # 0 / 0 where nothing is known
        sums = np.where(known, blocks, 0).sum((1, 3), dtype=np.float64)
        means = (sums / known.sum((1, 3))).astype(array.dtype)
    x, y = (before + 0.5) / wide - 0.5, (above + 0.5) / tall - 0.5
    to_blocks = np.array([[1 / wide, 0, x], [0, 1 / tall, y], [0, 0, 1]])
    return means, to_blocks @ matrix
