"""Drawings that people hand in, framed as the digits of MNIST are."""

from __future__ import annotations

import cv2
import numpy as np

from vitreous.data.batches.preprocess import resize
from vitreous.data.dataset import Pixels
from vitreous.data.images.decode import decode


def framed(blob: bytes, channels: int) -> Pixels:
    """An image file's strokes, scaled into 20/28 of a square, with their mass in its middle."""
    return frame(decode(blob, channels=channels, where="the image"))


def frame(pixels: Pixels, side: int = 112) -> Pixels:
    """Strokes on black, scaled to 20/28 of a side and with their center of mass in the middle.

    LeCun et al. (1998), section III.A. An empty drawing stays empty.
    """
    strokes = pixels.max(axis=2)
    rows, columns = np.nonzero(strokes > 32)
    if not len(rows):
        return np.zeros((side, side, pixels.shape[2]), np.uint8)
    top, left = rows.min(), columns.min()
    cut = pixels[top : rows.max() + 1, left : columns.max() + 1]
    scale = side * 20 / 28 / max(cut.shape[:2])
    cut = resize(cut, *(max(1, round(length * scale)) for length in cut.shape[:2]))
    weight = cut.max(axis=2).astype(np.float64)
    middle_row = (weight.sum(1) @ np.arange(len(weight))) / weight.sum()
    middle_column = (weight.sum(0) @ np.arange(weight.shape[1])) / weight.sum()
    right, down = (round((side - 1) / 2 - middle) for middle in (middle_column, middle_row))
    matrix = np.array([[1.0, 0, right], [0, 1, down]])  # whole pixels: nothing is blurred
    moved = cv2.warpAffine(cut, matrix, (side, side))
    return moved.reshape(side, side, pixels.shape[2]).astype(np.uint8, copy=False)
