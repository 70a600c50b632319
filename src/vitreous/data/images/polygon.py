"""Polygons as masks: the pixels whose centers lie within, by the even-odd rule.

Corners are counted in pixel edges, as boxes are: the first pixel reaches from 0 to 1. A line from a
pixel's center to the left crosses the outline an odd number of times where the center lies within.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vitreous.data.images.frame import Size


def filled(corners: NDArray[np.floating], size: Size) -> NDArray[np.bool_]:
    """The inside of a polygon, (h, w) bool.

    corners  (n, 2) x and y, in order; the last is joined to the first. They may lie outside
    size     height and width of the mask
    """
    height, width = size
    inside = np.zeros((height, width), np.bool_)
    x, y = np.asarray(corners, np.float64).T
    first, last = _lines(y.min(), height), _lines(y.max(), height)
    if first == last:
        return inside
    ends_x, ends_y = np.roll(x, -1), np.roll(y, -1)
    # An edge crosses the centers of the lines from `begin` to before `end`, whichever way it goes.
    begin = _lines(np.minimum(y, ends_y), height)
    end = _lines(np.maximum(y, ends_y), height)
    edges = np.repeat(np.arange(len(x)), end - begin)
    starts = np.cumsum(end - begin) - (end - begin)
    lines = np.arange(len(edges)) - np.repeat(starts - begin, end - begin)
    share = (lines + 0.5 - y[edges]) / (ends_y[edges] - y[edges])
    at = x[edges] + share * (ends_x[edges] - x[edges])
    columns = np.clip(np.ceil(at - 0.5), 0, width).astype(np.int64)  # the first center behind it
    places = (lines - first) * (width + 1) + columns
    crossed = np.bincount(places, minlength=(last - first) * (width + 1))
    odd = np.cumsum(crossed.reshape(last - first, width + 1), axis=1) & 1
    inside[first:last] = odd[:, :width]
    return inside


def _lines(y: NDArray[np.float64] | float, height: int) -> NDArray[np.int64]:
    """The first line whose center lies at y or below it."""
    return np.clip(np.ceil(np.asarray(y) - 0.5), 0, height).astype(np.int64)
