"""Color scale: numbers as colors, from dark blue to yellow, so that a map of them can be looked at.

The anchors are those of viridis, whose brightness rises evenly: it reads in print and with any
eyes. van der Walt and Smith (2015), "A better default colormap for Matplotlib".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ANCHORS = np.array(
    [
        *([68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142]),
        *([31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37]),
    ],
    np.float64,
)
UNKNOWN = (255, 255, 255)


def shades(values: NDArray[np.floating], low: float, high: float) -> NDArray[np.uint8]:
    """(..., 3) RGB of numbers (...): the lowest dark blue, the highest yellow, NaN white.

    low, high  the ends of the scale; what lies beyond has the color of the end
    """
    width = high - low if high > low else 1.0
    places = np.clip((np.asarray(values, np.float64) - low) / width, 0, 1) * (len(ANCHORS) - 1)
    known = np.isfinite(places)
    places = np.where(known, places, 0)
    steps = np.arange(len(ANCHORS))
    channels = [np.interp(places, steps, anchors) for anchors in ANCHORS.T]
    colors = np.rint(np.stack(channels, axis=-1)).astype(np.uint8)
    return np.where(known[..., None], colors, np.array(UNKNOWN, np.uint8))


def rgb(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(h, w, 3) of an image (h, w, C): gray is repeated, of more channels the first three shown."""
    return image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)
