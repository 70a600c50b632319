"""The rules that turn pixel values of any kind into gray or RGB bytes.

Nothing here knows a file format; `decode` and the readers of arrays share these rules.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vitreous.data.dataset import Pixels
from vitreous.errors import ImageError


def as_bytes(array: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Pixel values of any kind to uint8, whatever the shape.

    uint16 keeps its upper 8 bits; floats in [0, 1] are scaled to 255 and rounded; bool gives 0 and
    255. Raises ImageError for other types and for floats outside [0, 1].
    """
    kind, size = array.dtype.kind, array.dtype.itemsize  # of either byte order
    if kind == "u" and size == 1:
        return np.asarray(array, np.uint8)
    if kind == "u" and size == 2:
        return np.asarray(np.asarray(array, np.uint16) >> 8, np.uint8)
    if kind == "b":
        return np.asarray(array, np.uint8) * np.uint8(255)
    if kind != "f":
        raise ImageError(
            f"holds values of type {array.dtype}",
            remedy="Use uint8, uint16, or floats between 0 and 1.",
        )
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if not (low >= 0 and high <= 1):  # also true for NaN
        raise ImageError(
            f"holds floats from {low:g} to {high:g}",
            remedy="Scale floats to lie between 0 and 1, or use uint8.",
        )
    precision = np.float64 if size == 8 else np.float32
    scaled: NDArray[np.uint8] = np.rint(array.astype(precision) * 255).astype(np.uint8)
    return scaled


def with_channels(image: Pixels, channels: int | None) -> Pixels:
    """The image with that many channels; None keeps its own. Raises ImageError.

    Gray is 0.299 R + 0.587 G + 0.114 B (ITU-R BT.601); gray becomes color by repetition.
    """
    own = image.shape[2]
    if channels is None or channels == own:
        return np.ascontiguousarray(image)
    if (own, channels) == (3, 1):
        gray = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
        return np.asarray(gray, np.uint8)[:, :, None]
    if (own, channels) == (1, 3):
        return np.repeat(image, 3, axis=2)
    raise ImageError(
        f"has {own} channels where {channels} are expected",
        remedy="Only 1 and 3 channels convert into each other.",
    )


def over_white(image: Pixels) -> Pixels:
    """(H, W, C + 1), whose last channel is alpha, to (H, W, C) on a white ground."""
    color, alpha = image[:, :, :-1].astype(np.uint16), image[:, :, -1:].astype(np.uint16)
    return ((color * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
