"""Palette: one color for each class, and class maps drawn over the images they belong to."""

from __future__ import annotations

import colorsys

import numpy as np
from numpy.typing import NDArray

SHARE = 0.55  # of the color, where a class lies over an image
FIRST = (
    *((0, 0, 0), (230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66)),
    *((0, 114, 178), (213, 94, 0), (204, 121, 167)),
)
"""Eight colors that most people tell apart, whatever their eyes: Okabe and Ito (2008)."""


def palette(count: int) -> NDArray[np.uint8]:
    """(count, 3) RGB: the first eight by table, more by turning the hue by the golden angle."""
    colors: list[tuple[int, ...]] = [*FIRST[:count]]
    for number in range(len(colors), count):
        hue = (number * 0.618034) % 1
        value = (0.95, 0.75, 0.55)[number % 3]
        colors.append(tuple(round(255 * c) for c in colorsys.hsv_to_rgb(hue, 0.75, value)))
    return np.array(colors, np.uint8).reshape(count, 3)


def overlay(image: NDArray[np.uint8], labels: NDArray[np.integer], count: int) -> NDArray[np.uint8]:
    """An image with its class map over it, (h, w, 3).

    image   (h, w, C) uint8: 1 channel is gray, of more than 3 the first three are shown
    labels  (h, w) class numbers; class 0, usually the background, and numbers beyond the classes
            stay clear
    count   number of classes
    """
    base = image[..., :3] if image.shape[2] >= 3 else np.repeat(image[..., :1], 3, axis=2)
    shown = (labels > 0) & (labels < count)
    colors = palette(count)[np.where(shown, labels, 0)]
    mixed = np.rint(base + SHARE * (colors.astype(np.float32) - base)).astype(np.uint8)
    return np.where(shown[..., None], mixed, base)
